// Who may do what under the shipped policies, for every row of the table, as a page to read: matrix.golden.md.
import { readFile, writeFile } from 'node:fs/promises';
import test from 'ava';
import type { Facts } from '../policy/facts.ts';
import { loadPolicies } from '../policy/load-policies.ts';
import type { Operation, PartyPolicy } from '../policy/policy-set.ts';
import { decide } from './decide.ts';

const golden = new URL('matrix.golden.md', import.meta.url);
const parties = ['HSO', 'CP'];

const facts: Facts = {
	Request: {
		Method: 'GET',
		Path: '/redfish/v1',
		Operation: '',
		Bmc: 'node1',
		Rack: 'rack1',
		Party: '',
		Operator: '',
		Body: null,
	},
	Resource: undefined,
	External: {},
};

/** Whose conditions hold. */
type Holding = (party: string) => boolean;

/** The row with conditions coming out as `holding` says; parties that state none, or have no policy, stay so. */
function withConditions(operation: Operation, holding: Holding): Operation {
	const policies = [...operation.policies].map(([party, policy]): [string, PartyPolicy] => [
		party,
		{
			...policy,
			pre: policy.pre && {
				...policy.pre,
				evaluate: () => ({ holds: holding(party), reason: '', values: [] }),
			},
		},
	]);
	return { ...operation, policies: new Map(policies) };
}

function outcome(operation: Operation, party: string, holding: Holding): string {
	const verdict = decide({
		operations: [withConditions(operation, holding)],
		authorizations: new Set([party]),
		facts,
	});
	switch (verdict.kind) {
		case 'execute': {
			const by = parties.filter(each => {
				const post = operation.policies.get(each)?.post;
				return post !== undefined && verdict.posts.includes(post);
			});
			return by.length > 0 ? `yes, filtered by ${by.map(each => each.toLowerCase()).join(', ')}` : 'yes';
		}
		case 'wait':
			return `waits for ${verdict.needs.map(need => need.join(' and ')).join(', or ')}`;
		case 'deny':
			return 'denied';
	}
}

function describe(operation: Operation): string {
	const cells = parties.flatMap(party =>
		[() => true, (each: string) => each === party, () => false].map(holding =>
			outcome(operation, party, holding),
		),
	);
	return `| ${[operation.name, `\`${operation.authorization.source}\``, ...cells].join(' | ')} |`;
}

test('matrix.golden.md says for every row what each party may do alone, whichever conditions hold', async t => {
	const folder = new URL('../../policies', import.meta.url).pathname;
	const { operations } = await loadPolicies({ folder, parties, externalSources: ['Servers', 'PDU'] });
	const matrix = [
		'# Who may do what',
		'',
		'What each party may do alone under the shipped policies: where all conditions hold, only its own, or none.',
		'Written by `UPDATE_GOLDEN=1 npx ava proxy/decide/matrix.test.ts`; look at what has changed before you commit it.',
		'',
		'| Operation | P²C | HSO, all hold | HSO, only its own | HSO, none | CP, all hold | CP, only its own | CP, none |',
		'| --- | --- | --- | --- | --- | --- | --- | --- |',
		...operations.map(describe),
		'',
	].join('\n');
	if (process.env.UPDATE_GOLDEN !== undefined) await writeFile(golden, matrix);
	t.is(
		await readFile(golden, 'utf8'),
		matrix,
		'the policies mean something else now: see how to write it anew in matrix.golden.md, and review what changed',
	);
});

test('no row lets a party do alone, where all conditions fail, what the other one has set a condition for', async t => {
	const folder = new URL('../../policies', import.meta.url).pathname;
	const { operations } = await loadPolicies({ folder, parties, externalSources: ['Servers', 'PDU'] });
	for (const operation of operations) {
		for (const party of parties) {
			const guarded = [...operation.policies].some(
				([other, { pre }]) => other !== party && pre !== undefined && pre.source !== 'true',
			);
			const isOwnRight = operation.authorization.clauses.some(
				({ authorizations, policies }) =>
					policies.length === 0 && authorizations.every(each => each === party),
			);
			if (guarded && !isOwnRight)
				t.not(
					outcome(operation, party, () => false),
					'yes',
					`${operation.name}: ${party}`,
				);
		}
	}
});
