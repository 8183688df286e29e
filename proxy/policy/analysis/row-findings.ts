import type { Operation, PrePolicy } from '../policy-set.ts';
import { findFacts, type Goal, type Search, type Situation } from './find-facts.ts';
import type { Analysis, Finding, Undecided } from './findings.ts';
import { outcomeOf } from './outcome.ts';
import { factsText, requestText, samplesOf } from './sample-request.ts';
import { situationOfRow, withOperation } from './situation.ts';

/** What can be said of one row and the policies for it. Pure. */
export function findInRow(operation: Operation, parties: readonly string[]): Analysis {
	const findings: Finding[] = [];
	const undecided: Undecided[] = [];
	let questions = 0;
	const situation = situationOfRow(operation, parties);
	const ask = (question: string, goals: readonly Goal[]): Search => {
		questions++;
		const search = findFacts(goals, situation);
		if (search.kind === 'undecided') {
			undecided.push({ operation: operation.name, question, why: search.why });
		}
		return search;
	};
	const named = policiesOf(operation);
	const hopeless = new Set<string>();
	const certain = new Set<string>();
	for (const { party, pre } of named) {
		const name = `${party.toLowerCase()}.pre`;
		const add = (kind: Finding['kind'], message: string, example: readonly string[]): void => {
			const about = `${JSON.stringify(operation.name)}: ${name} ${message}`;
			findings.push({
				kind,
				level: 'warning',
				operation: operation.name,
				where: pre.where,
				message: about,
				example,
			});
		};
		if (isPlain(pre)) {
			if (pre.source === 'true') certain.add(party);
			continue;
		}
		const yes = ask(`can ${name} hold?`, [{ pre, holds: true }]);
		if (yes.kind === 'impossible') {
			hopeless.add(party);
			const refused = exampleOf([{ pre, holds: false }], situation);
			add('never-holds', 'can never hold', [...because(yes), ...refused]);
			continue;
		}
		const no = ask(`can ${name} fail?`, [{ pre, holds: false }]);
		if (no.kind !== 'impossible') continue;
		certain.add(party);
		const message = 'holds whenever it can be decided; write true if that is meant';
		add('always-holds', message, exampleOf([{ pre, holds: true }], situation));
	}
	const able = named.filter(({ party, pre }) => !hopeless.has(party) && !isPlain(pre));
	for (const [i, first] of able.entries()) {
		for (const second of able.slice(i + 1)) {
			const goals = [first, second].map(({ pre }) => ({ pre, holds: true }));
			const both = ask(`can ${first.party}'s and ${second.party}'s policies hold together?`, goals);
			if (both.kind === 'impossible') findings.push(conflict(operation, first, second, both, situation));
		}
	}
	findings.push(...reachableAlone(operation, certain));
	return { findings, undecided, questions };
}

interface Named {
	readonly party: string;
	readonly pre: PrePolicy;
}

/** The conditions that some clause asks for. */
function policiesOf(operation: Operation): readonly Named[] {
	const asked = new Set(operation.authorization.clauses.flatMap(clause => clause.policies));
	return [...operation.policies.values()].flatMap(({ party, pre }) =>
		pre && asked.has(party) ? [{ party, pre }] : [],
	);
}

/** `true` or `false` as written: somebody meant it. */
const isPlain = ({ source }: PrePolicy): boolean => source === 'true' || source === 'false';

function conflict(
	operation: Operation,
	first: Named,
	second: Named,
	search: Extract<Search, { kind: 'impossible' }>,
	situation: Situation,
): Finding {
	const clause = operation.authorization.clauses.find(({ policies }) =>
		[first, second].every(({ party }) => policies.includes(party)),
	);
	const consequence = clause
		? `so the clause "${clause.source}" can never hold`
		: 'so one of the two always stands in the way';
	const shows = (yes: Named, no: Named): readonly string[] => {
		const found = exampleOf(
			[
				{ pre: yes.pre, holds: true },
				{ pre: no.pre, holds: false },
			],
			situation,
		);
		return found.length > 0 ? [`only ${yes.party}'s holds with`, ...found] : [];
	};
	return {
		kind: 'conflict',
		level: 'warning',
		operation: operation.name,
		where: second.pre.where,
		message: `${JSON.stringify(operation.name)}: ${first.party}'s and ${second.party}'s policies can never hold together, ${consequence}`,
		example: [
			`${first.party.toLowerCase()}.pre: ${first.pre.source}`,
			`${second.party.toLowerCase()}.pre: ${second.pre.source}`,
			...because(search),
			...shows(first, second),
			...shows(second, first),
		],
	};
}

function because({ because: core }: Extract<Search, { kind: 'impossible' }>): readonly string[] {
	if (core.length === 0) return [];
	const parts = core.map(({ atom, wanted }) => (wanted ? atom.key : `not (${atom.key})`));
	return [`no facts give ${parts.join(' and ')}`];
}

/** Facts on which the policies come out so, with the reasons that the evaluation gives; empty when none is found. */
function exampleOf(goals: readonly Goal[], situation: Situation): readonly string[] {
	const search = findFacts(goals, situation);
	if (search.kind !== 'found') return [];
	return [...factsText(search.facts), ...goals.map(({ pre }) => pre.evaluate(search.facts).reason)];
}

/** Rows whose every clause names two parties, and which one operator can have executed all the same. */
function reachableAlone(operation: Operation, certain: ReadonlySet<string>): readonly Finding[] {
	const { authorization, policies } = operation;
	const namesTwo = authorization.clauses.every(
		clause => new Set([...clause.authorizations, ...clause.policies]).size > 1,
	);
	if (!namesTwo) return [];
	return authorization.clauses.flatMap((clause): Finding[] => {
		const [only, ...more] = clause.authorizations;
		if (only === undefined || more.length > 0) return [];
		const others = clause.policies.filter(party => party !== only);
		const open = others.filter(party => {
			const policy = policies.get(party);
			return policy && (!policy.pre || certain.has(party));
		});
		if (open.length < others.length || clause.policies.includes(only)) return [];
		const [request] = samplesOf(operation);
		const pres = open.flatMap(party => policies.get(party)?.pre ?? []);
		const found = findFacts(
			pres.map(pre => ({ pre, holds: true })),
			situationOfRow(operation, [only]),
		);
		if (!request || found.kind !== 'found') return [];
		const outcome = outcomeOf([operation], only, withOperation(found.facts, operation));
		if (outcome.kind !== 'execute') return [];
		const meant = open.every(party => isMeant(policies.get(party)?.pre));
		const says = open.map(party => `${party.toLowerCase()}.pre ${saysOf(policies.get(party)?.pre)}`);
		return [
			{
				kind: 'one-party-alone',
				level: meant ? 'note' : 'warning',
				operation: operation.name,
				where: policies.get(open[0] ?? '')?.where ?? operation.where,
				message: `${JSON.stringify(operation.name)}: ${only} alone can do it, though every clause names two parties: ${says.join(', ')}`,
				example: [
					`${requestText(request)} by ${only} executes under "${clause.source}"`,
					...factsText(found.facts).filter(line => !line.startsWith('Request.Body')),
				],
			},
		];
	});
}

const isMeant = (pre: PrePolicy | undefined): boolean => pre === undefined || isPlain(pre);
const saysOf = (pre: PrePolicy | undefined): string =>
	pre === undefined ? 'states no condition' : isPlain(pre) ? `is ${pre.source}` : 'always holds';
