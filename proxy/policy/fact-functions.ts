import { nearest } from '../../common/config/nearest.ts';
import type { CallTree, InputFunction, InputFunctions } from './expression/compile.ts';
import { compileLocalTime, type LocalTime } from './expression/local-time.ts';
import { ExpressionSyntaxError } from './expression/outcome.ts';
import { spend, Undecided } from './expression/values.ts';
import type { Execution, Facts } from './facts.ts';
import type { CountedExecutions } from './policy-set.ts';

/** What the functions of a condition ask for, gathered while it is compiled. */
export interface FactsAsked {
	time: boolean;
	readonly executions: CountedExecutions[];
}

/** Milliseconds; longer histories are not kept. */
const longestWindow = 7 * 86_400_000;
/** A moment that can be written with four digits of the year. */
const latest = Date.parse('9999-01-01T00:00:00Z');

/**
 * The functions of conditions that read the proxy's clock and what it has executed. Post-policies have none of
 * them: an answer is filtered by what stands in it.
 * @param operations the rows of the table; undefined when they are not known here
 */
export function factFunctions(
	asked: FactsAsked,
	operations: readonly string[] | undefined,
): InputFunctions<Facts> {
	const local = (
		gives: 'number' | 'text',
		read: (time: LocalTime) => string | number,
	): InputFunction<Facts> => ({
		gives,
		compile(call) {
			const [zone = ''] = textsOf(call, 1, 1, 'a time zone, for instance "Europe/Berlin"');
			const localTime = compileLocalTime(zone, call.name.offset);
			asked.time = true;
			return (facts, budget) => {
				spend(budget, 10);
				return read(localTime(timeOf(facts)));
			};
		},
	});
	return {
		/** 0 to 23. */
		HOUR: local('number', time => time.hour),
		/** Mon, Tue, Wed, Thu, Fri, Sat or Sun. */
		WEEKDAY: local('text', time => time.weekday),
		/** The time of day: 22:05. */
		CLOCK: local('text', time => time.clock),
		/** The day: 2026-12-24. */
		DATE: local('text', time => time.date),
		/** The moment: 2026-12-24T21:05:00.000Z. */
		NOW: {
			gives: 'text',
			compile(call) {
				textsOf(call, 0, 0, '');
				asked.time = true;
				return facts => new Date(timeOf(facts)).toISOString();
			},
		},
		/** How many requests of this operation (or of the one named) were executed within the window. */
		EXECUTED: {
			gives: 'number',
			compile(call) {
				const counted = readCounted(call, operations);
				asked.time = true;
				asked.executions.push(counted);
				return (facts, budget) => {
					spend(budget, facts.Executions?.length ?? 0);
					return countExecutions(counted, facts);
				};
			},
		},
	};
}

function timeOf({ Time }: Facts): number {
	if (Time === undefined || !(Time >= 0 && Time < latest)) throw new Undecided('the time is not known');
	return Time;
}

/** Arguments that are texts as written: what is asked for must be known before any fact is. */
function textsOf(call: CallTree, least: number, most: number, what: string): string[] {
	const { name, offset } = call.name;
	if (call.args.length < least || call.args.length > most) {
		const right = most === 0 ? 'nothing' : what;
		throw new ExpressionSyntaxError(offset, `${name} takes ${right}; found ${call.args.length} arguments`);
	}
	return call.args.map(arg => {
		if (arg.kind === 'literal' && typeof arg.value === 'string') return arg.value;
		throw new ExpressionSyntaxError(offset, `${name} takes ${what}, written in quotation marks`);
	});
}

const scopes: readonly CountedExecutions['scope'][] = ['bmc', 'rack', 'party', 'operator', 'site'];

function readCounted(call: CallTree, operations: readonly string[] | undefined): CountedExecutions {
	const what = 'a scope, a window and perhaps an operation: EXECUTED("rack", "10 min")';
	const [word = '', span = '', operation] = textsOf(call, 2, 3, what);
	const { offset } = call.name;
	const scope = scopes.find(known => known === word);
	if (!scope) {
		throw new ExpressionSyntaxError(
			offset,
			`unknown scope ${JSON.stringify(word)}; write one of ${scopes.map(known => `"${known}"`).join(', ')}`,
		);
	}
	if (operation !== undefined && operations && !operations.includes(operation)) {
		const near = nearest(operation, operations);
		throw new ExpressionSyntaxError(
			offset,
			`unknown operation ${JSON.stringify(operation)}; ${near ? `did you mean ${JSON.stringify(near)}?` : 'operations.yaml names them'}`,
		);
	}
	return { scope, window: readWindow(span, offset), operation };
}

const spans: Readonly<Record<string, number>> = {
	s: 1000,
	min: 60_000,
	m: 60_000,
	h: 3_600_000,
	d: 86_400_000,
};

function readWindow(text: string, offset: number): number {
	const match = /^([1-9]\d{0,6}) ?(s|min|m|h|d)$/.exec(text);
	const window = match ? Number(match[1]) * (spans[match[2] ?? ''] ?? 0) : 0;
	if (window > 0 && window <= longestWindow) return window;
	throw new ExpressionSyntaxError(
		offset,
		`${JSON.stringify(text.slice(0, 40))} is no window; write for instance "90 s", "10 min", "2 h" or "7 d" (the longest)`,
	);
}

/** The window slides: what was executed at its very beginning has left it. */
function countExecutions({ scope, window, operation }: CountedExecutions, facts: Facts): number {
	const { Request, Executions } = facts;
	if (Executions === undefined) throw new Undecided('it is not known what was executed before');
	const since = timeOf(facts) - window;
	const name = operation ?? Request.Operation;
	const isMeant = (each: Execution): boolean => {
		switch (scope) {
			case 'bmc':
				return each.Bmc === Request.Bmc;
			case 'rack':
				return each.Rack === Request.Rack;
			case 'party':
				return each.Party === Request.Party;
			case 'operator':
				return each.Operator === Request.Operator;
			case 'site':
				return true;
		}
	};
	let count = 0;
	// What stands in the future (a clock set back) counts: nothing may open by turning the clock.
	for (const each of Executions)
		if (each.At > since && each.Operations.includes(name) && isMeant(each)) count++;
	return count;
}
