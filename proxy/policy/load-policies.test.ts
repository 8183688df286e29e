import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { ConfigError } from '../../common/config/config-error.ts';
import { loadPolicies } from './load-policies.ts';
import { maxFileSize } from './load-policy-files.ts';
import type { PolicySet } from './policy-set.ts';

const shipped = fileURLToPath(new URL('../../policies', import.meta.url));
const parties = ['HSO', 'CP'];
const externalSources = ['Servers', 'PDU'];

const reset = `- type: Operation
  operation: Reset
  description: Reset a system
  match: POST /redfish/v1/Systems/{system}/Actions/ComputerSystem.Reset
  p2c: (HSO and cp) or (CP and hso)
`;
const log = `- type: Logging
  operation: Log
  description: Read the log
  match: GET /redfish/v1/Systems/{system}/LogServices/EventLog/Entries
  p2c: HSO or cp
`;

async function write(t: ExecutionContext, files: Readonly<Record<string, string>>): Promise<string> {
	const folder = await mkdtemp(join(tmpdir(), 'policies-'));
	t.teardown(() => rm(folder, { recursive: true }));
	for (const [name, text] of Object.entries(files)) {
		await mkdir(dirname(join(folder, name)), { recursive: true });
		await writeFile(join(folder, name), text);
	}
	return folder;
}

async function load(t: ExecutionContext, files: Readonly<Record<string, string>>): Promise<PolicySet> {
	return loadPolicies({ folder: await write(t, files), parties, externalSources });
}

/** Every problem as `file:line:column: message (fix)`, without the folder. */
async function problems(t: ExecutionContext, files: Readonly<Record<string, string>>): Promise<string[]> {
	const folder = await write(t, files);
	const error = await t.throwsAsync(loadPolicies({ folder, parties, externalSources }), {
		instanceOf: ConfigError,
	});
	return (error?.message ?? '').replaceAll(`${folder}/`, '').split('\n');
}

test('the shipped folder holds the rows and policies of the slides to the letter', async t => {
	const set = await loadPolicies({ folder: shipped, parties, externalSources });
	const slide = (name: string) => {
		const row = set.operations.find(operation => operation.name === name);
		const policies = [...(row?.policies ?? [])].map(([party, policy]) => [
			party,
			...(policy.pre ? [policy.pre.source] : []),
			...policy.post.map(post => post.source),
		]);
		return [
			row?.type,
			row?.description,
			row?.authorization.source,
			Object.fromEntries(policies.map(([party, ...rest]) => [party, rest])),
		];
	};
	t.deepEqual(slide('Power on, off, reboot $system'), [
		'Operation',
		'Reset $system',
		'(HSO and cp) or (CP and hso)',
		{ HSO: ['SUM(External.PDU.Outlets.Power)<1000'], CP: ['COUNT(External.Servers.State=="Up")>=6'] },
	]);
	t.deepEqual(slide('Get EventLog entries'), [
		'Logging',
		"Return System Event Log's collection",
		'(HSO and cp) or (CP and hso)',
		{ HSO: ['LogEntry.Oem* := null'], CP: ['LogEntry.Severity == "Critical"'] },
	]);
	t.deepEqual(slide('Get a $chassis Chassis'), [
		'Monitoring',
		"Returns schema of server's $chassis",
		'HSO or (CP and hso)',
		{ HSO: ['Chassis.Certificates := null'] },
	]);
	t.deepEqual(set.externalSources, ['PDU', 'Servers']);
	t.regex(set.version, /^[0-9a-f]{64}$/);
});

test('in the shipped table every lower-case term has its policy, and no policy is without a term', async t => {
	const set = await loadPolicies({ folder: shipped, parties, externalSources });
	for (const { name, authorization, policies } of set.operations) {
		const named = new Set(authorization.clauses.flatMap(clause => clause.policies));
		t.deepEqual([...policies.keys()].sort(), [...named].sort(), name);
	}
});

test('the version follows names and contents', async t => {
	const one = await load(t, { 'operations.yaml': reset, 'hso/a.yaml': 'Reset:\n  hso.pre: true\n' });
	const same = await load(t, { 'operations.yaml': reset, 'hso/a.yaml': 'Reset:\n  hso.pre: true\n' });
	const renamed = await load(t, { 'operations.yaml': reset, 'hso/b.yaml': 'Reset:\n  hso.pre: true\n' });
	const edited = await load(t, { 'operations.yaml': reset, 'hso/a.yaml': 'Reset:\n  hso.pre: false\n' });
	t.is(one.version, same.version);
	t.is(new Set([one, renamed, edited].map(set => set.version)).size, 3);
});

test('a party may spread an operation over files, but not give a rule twice', async t => {
	const set = await load(t, {
		'operations.yaml': log,
		'cp/a.yaml': 'Log:\n  cp.pre: true\n',
		'cp/b.yaml': 'Log:\n  cp.post: LogEntry.Oem* := null\n',
	});
	const policy = set.operations[0]?.policies.get('CP');
	t.is(policy?.pre?.source, 'true');
	t.is(policy?.post.length, 1);
	t.deepEqual(
		await problems(t, {
			'operations.yaml': log,
			'cp/a.yaml': 'Log:\n  cp.pre: true\n',
			'cp/b.yaml': '\nLog:\n  cp.pre: false\n',
		}),
		[
			'cp/a.yaml:2:3: cp.pre of "Log" stands in cp/b.yaml:3 as well (keep one of the two)',
			'cp/b.yaml:3:3: cp.pre of "Log" stands in cp/a.yaml:2 as well (keep one of the two)',
		],
	);
});

test('every mistake is named by file, line, column and what would be right, all at once', async t => {
	const found = await problems(t, {
		'operations.yaml': reset.replace('and hso', 'und hso') + log.replace('HSO or cp', 'Hso or cp'),
		'hso/power.yaml':
			'Reset:\n  hso.pre: SUM(External.PUD.Outlets.Power)<1000\n  cp.pre: true\nRest:\n  hso.pre: true\n',
		'hso/log.yaml':
			'Log:\n  hso.post:\n    - LogEntry.Oem* := null\n    - LogEntry.Severity = "Critical"\n  hso.pst: x\n',
		'cp/power.yaml': 'Reset:\n  cp.pre: "COUNT(External.Servers.State==\\"Up\\")>=)"\n',
	});
	t.deepEqual(found, [
		'cp/power.yaml:2:51: unexpected ")": expected a name, a number, a text or "("',
		'hso/log.yaml:4:25: "=" assigns, and policies cannot; write "==" to compare',
		'hso/log.yaml:5:3: unknown key "hso.pst" (did you mean "hso.post"?)',
		'hso/power.yaml:2:25: unknown External source "PUD"; did you mean PDU? declared: Servers, PDU',
		'hso/power.yaml:3:3: "cp.pre" is CP\'s, and this file is HSO\'s (move it into cp/)',
		'hso/power.yaml:4:1: unknown operation "Rest" (did you mean "Reset"?)',
		'operations.yaml:5:28: expected ")" to end the group, found "und"',
		'operations.yaml:10:8: "Hso" mixes cases; write HSO (it must authorize) or hso (its policy must hold)',
	]);
});

const broken: readonly (readonly [string, Readonly<Record<string, string>>, RegExp])[] = [
	['YAML syntax', { 'operations.yaml': `${reset}  bad indentation` }, /^operations\.yaml:\d+:\d+: /],
	[
		'YAML syntax in a party file',
		{ 'operations.yaml': reset, 'hso/a.yaml': 'Reset: [\n' },
		/^hso\/a\.yaml:\d+:\d+: /,
	],
	['no table', { 'hso/a.yaml': 'Reset:\n  hso.pre: true\n' }, /^operations\.yaml:1:1: there is no such file/],
	['an empty table', { 'operations.yaml': '[]\n' }, /^operations\.yaml:1:1: /],
	[
		'an unknown key in the table',
		{ 'operations.yaml': `${reset}  note: x\n` },
		/^operations\.yaml:6:3: unknown key "note"/,
	],
	[
		'two rows of one name',
		{ 'operations.yaml': reset + log.replace('operation: Log', 'operation: Reset') },
		/^operations\.yaml:7:14: the operation "Reset" stands already on line 2/,
	],
	[
		'two rows of one request',
		{ 'operations.yaml': reset + reset.replace(': Reset', ': Again').replace('{system}', '{id}') },
		/^operations\.yaml:9:10: POST .* is matched already on line 4/,
	],
	[
		'an open quorum',
		{ 'operations.yaml': reset.replace(/p2c:.*/, 'p2c: 0 of (HSO, CP)') },
		/^operations\.yaml:5:8: a quorum of 0 out of 2/,
	],
	[
		'** for a POST',
		{ 'operations.yaml': reset.replace('Actions/ComputerSystem.Reset', '**') },
		/^operations\.yaml:4:44: "\*\*" is for GET only/,
	],
	[
		'properties of a POST',
		{ 'operations.yaml': `${reset}  properties: [Boot]\n` },
		/^operations\.yaml:6:15: only PATCH has properties/,
	],
	[
		'a file at the top',
		{ 'operations.yaml': reset, 'power.yaml': 'Reset:\n  hso.pre: true\n' },
		/^power\.yaml:1:1: a policy file outside a party's folder \(move it into hso\/ or cp\/\)/,
	],
	[
		'a folder of nobody',
		{ 'operations.yaml': reset, 'HSO/a.yaml': 'Reset:\n  hso.pre: true\n' },
		/^HSO:1:1: this folder belongs to no declared party/,
	],
	[
		'a folder too deep',
		{ 'operations.yaml': reset, 'hso/x/a.yaml': 'Reset:\n  hso.pre: true\n' },
		/^hso\/x:1:1: folders in a party's folder are not read/,
	],
	[
		'a file too large',
		{ 'operations.yaml': reset, 'hso/a.yaml': `#${'x'.repeat(maxFileSize)}` },
		/^hso\/a\.yaml:1:1: \d+ bytes, more than/,
	],
	[
		'a rule that is no text',
		{ 'operations.yaml': reset, 'hso/a.yaml': 'Reset:\n  hso.pre: [a]\n' },
		/^hso\/a\.yaml:2:12: "hso\.pre" must be an expression/,
	],
	[
		'an operation without a rule',
		{ 'operations.yaml': reset, 'hso/a.yaml': 'Reset: {}\n' },
		/^hso\/a\.yaml:1:8: this operation has no rule/,
	],
];
for (const [name, files, expected] of broken) {
	test(`refused: ${name}`, async t => {
		const found = await problems(t, files);
		t.regex(found[0] ?? '', expected);
		t.is(found.length, 1);
	});
}

test('PATCH rows share a path by property, and only one may have each', async t => {
	const row = (name: string, properties: string) =>
		`- {type: X, operation: ${name}, description: d, match: "PATCH /redfish/v1/Systems/{s}", p2c: HSO${properties}}\n`;
	const set = await load(t, {
		'operations.yaml': row('A', ', properties: [Boot.X]') + row('B', ', properties: [Boot.Y]'),
	});
	t.deepEqual(
		set.operations.map(operation => operation.properties),
		[['Boot.X'], ['Boot.Y']],
	);
	const twice = await problems(t, {
		'operations.yaml': row('A', ', properties: [Boot.X]') + row('B', ', properties: [Boot.X]'),
	});
	t.regex(twice.join('\n'), /^operations\.yaml:2:\d+: Boot\.X of PATCH .* is covered already on line 1/);
	const whole = await problems(t, { 'operations.yaml': row('A', '') + row('B', ', properties: [Boot.X]') });
	t.regex(whole.join('\n'), /^operations\.yaml:2:\d+: the row on line 1 covers every property of this PATCH/);
});

test('a link that leads out of the folder is refused; one inside is read', async t => {
	const outside = await write(t, { 'secret.yaml': 'Reset:\n  hso.pre: true\n' });
	const folder = await write(t, { 'operations.yaml': reset, 'hso/a.yaml': 'Reset:\n  hso.pre: true\n' });
	await mkdir(join(folder, 'cp'));
	await writeFile(join(folder, '.real'), 'Reset:\n  cp.pre: true\n');
	await symlink(join(folder, '.real'), join(folder, 'cp/inside.yaml'));
	const set = await loadPolicies({ folder, parties, externalSources });
	t.true(set.operations[0]?.policies.has('CP'));
	await symlink(join(outside, 'secret.yaml'), join(folder, 'hso/b.yaml'));
	const error = await t.throwsAsync(loadPolicies({ folder, parties, externalSources }));
	t.regex(error?.message ?? '', /hso\/b\.yaml:1:1: a link out of the policy folder/);
});

test("a party's helpers serve its own conditions, and units of the site are checked", async t => {
	const files = {
		'operations.yaml': reset,
		'hso/helpers.yaml': 'busy: SUM(External.PDU.Outlets.Power) > limit\nlimit: 1000\n',
		'hso/power.yaml': 'Reset:\n  hso.pre: not (busy)\n',
		'cp/power.yaml': 'Reset:\n  cp.pre: EXECUTED("rack", "10 min", "Reset") < 2\n',
	};
	const set = await load(t, files);
	t.deepEqual(set.operations[0]?.policies.get('HSO')?.pre?.needs, { resource: false, external: ['PDU'] });
	t.is(set.operations[0]?.policies.get('CP')?.pre?.needs.executions?.[0]?.window, 600_000);
	t.deepEqual(await problems(t, { ...files, 'cp/power.yaml': 'Reset:\n  cp.pre: not (busy)\n' }), [
		'cp/power.yaml:2:16: unknown name "busy"; a policy reads Request.…, Resource.… and External.…; texts stand in quotation marks',
	]);
	t.deepEqual(await problems(t, { ...files, 'hso/helpers.yaml': 'busy: limit > 1\nlimit: busy\n' }), [
		'hso/helpers.yaml:1:1: the helpers busy → limit → busy refer to each other in a circle (write one of them without the others)',
		'hso/power.yaml:2:17: unknown name "busy"; a policy reads Request.…, Resource.… and External.…; texts stand in quotation marks',
	]);
	const folder = await write(t, files);
	const units = new Map([['External.PDU.Outlets.Power', 'W']]);
	t.is((await loadPolicies({ folder, parties, externalSources, units })).version, set.version);
});

test("the editors' schemas are the loader's", async t => {
	const { helpersFileJsonSchema, membersFileJsonSchema, operationsFileJsonSchema, policyFileJsonSchema } =
		await import('./policy-schemas.ts');
	const { casesFileJsonSchema } = await import('./cases-file.ts');
	for (const [name, schema] of [
		['operations.schema.json', operationsFileJsonSchema()],
		['policy.schema.json', policyFileJsonSchema()],
		['members.schema.json', membersFileJsonSchema()],
		['helpers.schema.json', helpersFileJsonSchema()],
		['cases.schema.json', casesFileJsonSchema()],
	] as const) {
		const text = `${JSON.stringify(schema, null, '\t')}\n`;
		const file = join(shipped, name);
		// `UPDATE_SCHEMAS=1 npx ava proxy/policy/load-policies.test.ts` writes them anew.
		if (process.env.UPDATE_SCHEMAS) await writeFile(file, text);
		t.deepEqual(JSON.parse(await readFile(file, 'utf8')), JSON.parse(text), name);
	}
});
