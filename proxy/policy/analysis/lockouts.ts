import { compileClassifier } from '../../classify/classify.ts';
import type { Clause, Operation, PolicySet } from '../policy-set.ts';
import { findFacts } from './find-facts.ts';
import type { Finding } from './findings.ts';
import { requestsOf, rowsOf } from './requests-covered.ts';
import { requestText } from './sample-request.ts';
import { situationOfRow } from './situation.ts';

/**
 * What a change takes from a party: a say in an operation (locked out), or that nothing happens without it (passed
 * over). Clauses that can never hold give nobody a say. Pure.
 */
export function findLockouts(
	before: PolicySet,
	after: PolicySet,
	parties: readonly string[],
): readonly Finding[] {
	const old = compileClassifier(before);
	const now = compileClassifier(after);
	const powers = memoised(parties);
	const findings = new Map<string, Finding>();
	for (const request of requestsOf([before, after])) {
		const oldRows = rowsOf(old, request);
		const newRows = rowsOf(now, request);
		if (oldRows.length === 0) continue;
		const had = powers(oldRows);
		const has = powers(newRows);
		const name = newRows[0]?.name ?? oldRows[0]?.name ?? '';
		const add = (kind: 'locked-out' | 'passed-over', party: string, message: string): void => {
			const key = `${kind}\n${party}\n${name}`;
			if (findings.has(key)) return;
			findings.set(key, {
				kind,
				level: 'warning',
				operation: name,
				where: newRows[0]?.where,
				message: `${JSON.stringify(name)}: ${message}`,
				example: [
					requestText(request),
					`before: ${oldRows.map(({ authorization }) => authorization.source).join('; ')}`,
					`after: ${newRows.map(({ authorization }) => authorization.source).join('; ') || 'no row covers it'}`,
				],
			});
		};
		for (const party of parties) {
			if (had.say.has(party) && !has.say.has(party)) {
				add('locked-out', party, `${party} is locked out: it had a say, and has none any more`);
			} else if (had.needed.has(party) && has.say.size > 0 && !has.needed.has(party)) {
				add('passed-over', party, `${party} is passed over: it can be done without ${party} now`);
			}
		}
	}
	return [...findings.values()];
}

interface Powers {
	/** Named by some clause that can hold. */
	readonly say: ReadonlySet<string>;
	/** Named by every clause that can hold, in some row. */
	readonly needed: ReadonlySet<string>;
}

function memoised(parties: readonly string[]): (rows: readonly Operation[]) => Powers {
	const known = new Map<Operation, readonly Clause[]>();
	const clausesOf = (row: Operation): readonly Clause[] => {
		const found = known.get(row) ?? row.authorization.clauses.filter(clause => canHold(row, clause, parties));
		known.set(row, found);
		return found;
	};
	const named = (clause: Clause) => [...clause.authorizations, ...clause.policies];
	return rows => {
		const all = rows.map(clausesOf);
		if (all.some(clauses => clauses.length === 0)) return { say: new Set(), needed: new Set() };
		return {
			say: new Set(all.flat().flatMap(named)),
			needed: new Set(
				parties.filter(party => all.some(clauses => clauses.every(clause => named(clause).includes(party)))),
			),
		};
	};
}

/** False only where it is certain. */
function canHold(row: Operation, clause: Clause, parties: readonly string[]): boolean {
	if (row.authorization.closed || clause.policies.some(party => !row.policies.has(party))) return false;
	const goals = clause.policies.flatMap(party => {
		const pre = row.policies.get(party)?.pre;
		return pre ? [{ pre, holds: true }] : [];
	});
	return findFacts(goals, situationOfRow(row, parties)).kind !== 'impossible';
}
