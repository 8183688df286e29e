import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { ConfigError, formatProblem } from '../../../common/config/config-error.ts';
import { loadCases } from '../load-cases.ts';
import { loadPolicies } from '../load-policies.ts';
import { type CaseReport, runCases } from './run-cases.ts';

const site = { parties: ['HSO', 'CP'], externalSources: ['Servers', 'PDU'] };

test('the shipped policies do what their cases say, and every operation has one', async t => {
	const folder = fileURLToPath(new URL('../../../policies', import.meta.url));
	const report = runCases(await loadPolicies({ folder, ...site }), await loadCases(folder, site.parties));
	t.deepEqual(
		report.results.filter(({ failure }) => failure !== undefined),
		[],
	);
	t.deepEqual(report.uncovered, []);
	t.deepEqual(report.stale, []);
});

async function report(t: ExecutionContext, cases: string, own = ''): Promise<CaseReport> {
	const folder = await mkdtemp(join(tmpdir(), 'cases-'));
	t.teardown(() => rm(folder, { recursive: true }));
	await writeFile(
		join(folder, 'operations.yaml'),
		'- {type: X, operation: A, description: d, match: GET /redfish/v1/A, p2c: (HSO and cp) or (CP and hso)}\n' +
			'- {type: X, operation: B, description: d, match: GET /redfish/v1/B, p2c: closed}\n',
	);
	await mkdir(join(folder, 'cp'));
	await writeFile(
		join(folder, 'cp/x.yaml'),
		'A:\n  cp.pre: Resource.N<5 and HOUR("UTC")<6\n  cp.post: A.Secret := null\n',
	);
	await writeFile(join(folder, 'cases.yaml'), cases);
	if (own) await writeFile(join(folder, 'cp/own.cases.yaml'), own);
	return runCases(await loadPolicies({ folder, ...site }), await loadCases(folder, site.parties));
}
const night = 'facts: {Resource: {N: 4}, Time: "2026-01-01T05:59:00Z"}';

test('what a case can say, and what is wrong with one that does not hold', async t => {
	const { results, uncovered } = await report(
		t,
		`cases:
  - {case: good, request: GET /redfish/v1/A, by: HSO, ${night}, expect: {executes: HSO and cp}, answer: {"@odata.type": "#A.v1_0_0.A", Secret: 1}, shown: {"@odata.type": "#A.v1_0_0.A", Secret: null}}
  - {case: by day, request: GET /redfish/v1/A, by: HSO, facts: {Resource: {N: 4}, Time: "2026-01-01T06:00:00Z"}, expect: {executes: HSO and cp}}
  - {case: other clause, request: GET /redfish/v1/A, by: HSO, ${night}, expect: {executes: CP and hso}}
  - {case: no wait, request: GET /redfish/v1/A, by: CP, ${night}, expect: {waits: HSO}}
  - {case: waits for another, request: GET /redfish/v1/A, by: CP, ${night}, expect: {waits: SI}}
  - {case: shown otherwise, request: GET /redfish/v1/A, by: HSO, ${night}, expect: {executes: HSO and cp}, answer: {"@odata.type": "#A.v1_0_0.A", Secret: 1}, shown: {"@odata.type": "#A.v1_0_0.A", Secret: 1}}
  - {case: unknown, request: GET /redfish/v1/C, by: HSO, expect: {denied: no row}}
`,
	);
	t.deepEqual(
		results.map(({ name, failure }) => [name, failure?.slice(0, 60)]),
		[
			['good', undefined],
			['by day', 'expected to execute under "HSO and cp"; it is denied: "A" ne'],
			['other clause', 'expected to execute under "CP and hso"; it executes under "H'],
			['no wait', undefined],
			['waits for another', 'expected to wait for SI; it waits for HSO (HSO has written n'],
			['shown otherwise', 'expected to show {"@odata.type":"#A.v1_0_0.A","Secret":1}; i'],
			['unknown', undefined],
		],
	);
	t.deepEqual(
		uncovered.map(({ operation }) => operation),
		['B'],
	);
	t.is(results[1]?.where.line, 3);
});

test('an operation without a case fails unless it is exempt; an exemption that is none is told', async t => {
	const one = `{case: one, request: GET /redfish/v1/A, by: HSO, ${night}, expect: {executes: HSO and cp}}`;
	const { uncovered, stale } = await report(
		t,
		`exempt: {B: closed, A: no need, D: gone}\n`,
		`cases: [${one}]\n`,
	);
	t.deepEqual(uncovered, []);
	t.deepEqual(
		stale.map(({ operation, why }) => [operation, why]),
		[
			['A', 'it has a case'],
			['D', 'there is no such operation'],
		],
	);
});

test('mistakes in a case are told by line', async t => {
	const error = await t.throwsAsync(
		() => report(t, 'cases:\n  - {case: x, request: FETCH /x, by: HSO, expect: {executed: HSO}}\n'),
		{ instanceOf: ConfigError },
	);
	const text = (error?.problems ?? []).map(formatProblem).join('\n');
	t.regex(text, /cases\.yaml:2:\d+: .*expected a method and a path/);
	t.regex(text, /executed/);
});
