import type { Execution, Facts } from '../facts.ts';
import type { PrePolicy } from '../policy-set.ts';

const hour = 3_600_000;
/** A Monday; the week that follows has every hour of every weekday. */
const monday = Date.parse('2026-01-05T00:00:00Z');
/** How many earlier executions are tried. */
const counts = [0, 1, 2, 3, 5, 10, 30];

/**
 * The same facts at other times and after other executions, as far as the policies ask for them: each hour of a
 * week, some numbers of executions just before. Enough to find an example, never to prove that there is none.
 */
export function* circumstances(facts: Facts, policies: readonly PrePolicy[]): Generator<Facts> {
	const asksTime = policies.some(({ needs }) => needs.time);
	const counted = policies.flatMap(({ needs }) => needs.executions ?? []);
	if (!asksTime && counted.length === 0) {
		yield facts;
		return;
	}
	const { Bmc, Rack, Party, Operator, Operation } = facts.Request;
	const names = counted.map(({ operation }) => operation ?? Operation);
	for (let hours = 0; hours < (asksTime ? 168 : 1); hours++) {
		const Time = monday + hours * hour;
		const one: Execution = { At: Time - 1000, Operations: names, Bmc, Rack, Party, Operator };
		for (const count of counted.length > 0 ? counts : [0]) {
			yield { ...facts, Time, Executions: new Array<Execution>(count).fill(one) };
		}
	}
}
