import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { ConfigError, formatProblem } from '../../common/config/config-error.ts';
import { viewPolicySet } from '../api/views.ts';
import { describe, renderTask } from '../approve/task.ts';
import { baseFacts } from '../policy/analysis/small-world.fixture.ts';
import { loadPolicies } from '../policy/load-policies.ts';
import type { PolicySet } from '../policy/policy-set.ts';
import { decide } from './decide.ts';
import { seenBy } from './hidden-policies.ts';

const secret = 'SUM(External.PDU.Outlets.Power)<4711';

async function load(t: ExecutionContext, cp: string): Promise<PolicySet> {
	const folder = await mkdtemp(join(tmpdir(), 'private-'));
	t.teardown(() => rm(folder, { recursive: true }));
	await writeFile(
		join(folder, 'operations.yaml'),
		['A', 'B']
			.map(
				name =>
					`- {type: X, operation: ${name}, description: d, match: POST /redfish/v1/${name}, p2c: HSO and cp}\n`,
			)
			.join(''),
	);
	await mkdir(join(folder, 'cp'));
	await writeFile(join(folder, 'cp/x.yaml'), cp);
	return loadPolicies({ folder, parties: ['HSO', 'CP'], externalSources: ['PDU'] });
}
const denied = (set: PolicySet) => {
	const operations = set.operations.slice(0, 1);
	return decide({ operations, authorizations: new Set(['HSO']), facts: baseFacts });
};

test('a private policy: others learn that it does not hold, and nothing else', async t => {
	const set = await load(
		t,
		`A:\n  cp.private: true\n  cp.pre: ${secret}\n  cp.post: LogEntry.Message := "4711"\n`,
	);
	const verdict = denied(set);
	t.is(verdict.kind, 'deny');
	t.is(
		verdict.kind === 'deny' && verdict.reason,
		'"A" needs HSO and cp; CP\'s policy does not hold: CP does not say why',
	);
	t.notRegex(JSON.stringify(seenBy('HSO', verdict.policies)), /4711|SUM|PDU/);
	t.like(seenBy('HSO', verdict.policies), [{ holds: false, expression: '(private)', values: [] }]);
	t.deepEqual(seenBy('CP', verdict.policies), verdict.policies as never);
	t.true(JSON.stringify(verdict.policies).includes('4711'), 'the record keeps everything');
	t.notRegex(JSON.stringify(viewPolicySet(set, 'HSO')), /4711|SUM/);
	t.regex(JSON.stringify(viewPolicySet(set, 'CP')), /4711/);
});

test('the Task of a waiting request tells nobody', async t => {
	const set = await load(t, `A:\n  cp.private: true\n  cp.pre: ${secret}\n`);
	const { policies } = denied(set);
	const request = {
		state: 'waiting',
		parts: [],
		needs: [['CP']],
		lacking: {},
		policies,
		request: { method: 'POST', path: '/redfish/v1/A' },
		createdAt: 0,
		expiresAt: 0,
	};
	const document = { ...request, outcome: null, ended: null, id: 'r', bmc: 'node1', digest: '' } as never;
	t.is(describe(document), 'Waiting for CP to approve (CP: CP does not say why).');
	t.notRegex(JSON.stringify(renderTask(document)), /4711/);
	const twice = { ...(document as object), policies: [...policies, ...policies] } as never;
	t.is(describe(twice), describe(document), 'a reason of several properties is said once');
});

test('a whole file is private by one line; a slip of the pen hides as well', async t => {
	const set = await load(
		t,
		`cp.private: true\nA:\n  cp.pre: ${secret}\nB:\n  cp.post: LogEntry.Oem := null\n`,
	);
	t.deepEqual(
		set.operations.map(({ policies }) => policies.get('CP')?.private),
		[true, true],
	);
	const open = await load(t, `A:\n  cp.private: false\n  cp.pre: ${secret}\n`);
	t.is(open.operations[0]?.policies.get('CP')?.private, undefined);
	for (const [text, problem] of [
		['A:\n  cp.private: yes please\n  cp.pre: true\n', /"cp\.private" is true or false/],
		['A:\n  cp.private: true\n', /this operation has no rule/],
		['cp.privat: true\nA:\n  cp.pre: true\n', /did you mean cp\.private\?/],
		['hso.private: true\nA:\n  cp.pre: true\n', /has no rules beneath it/],
		['A:\n  hso.private: true\n  cp.pre: true\n', /is HSO's/],
	] as const) {
		const error = await t.throwsAsync(() => load(t, text), { instanceOf: ConfigError }, text);
		t.regex((error?.problems ?? []).map(formatProblem).join('\n'), problem);
	}
});

test('property: nobody is shown another party’s private text, and everybody whether it holds', t => {
	const policy = fc.record({
		party: fc.constantFrom('HSO', 'CP', 'SI'),
		operation: fc.constant('A'),
		expression: fc.constant('secret expression'),
		holds: fc.boolean(),
		reason: fc.constant('secret reason'),
		private: fc.option(fc.boolean(), { nil: undefined }),
		values: fc.constant([{ expression: 'secret', value: 4711 }]),
	});
	fc.assert(
		fc.property(
			fc.array(policy),
			fc.option(fc.constantFrom('HSO', 'CP', 'SI'), { nil: undefined }),
			(all, viewer) =>
				seenBy(viewer, all).every((seen, i) => {
					const own = all[i];
					if (!own || seen.holds !== own.holds || seen.party !== own.party) return false;
					const hidden = own.private === true && own.party !== viewer;
					return /secret|4711/.test(JSON.stringify(seen)) !== hidden;
				}),
		),
	);
	t.pass();
});
