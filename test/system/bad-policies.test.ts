// Policy files with mistakes: a proxy does not start on them, and one that runs keeps the last good ones.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { generatePassword } from '../../common/identity/passwords.ts';
import { startProxy } from '../../proxy/main.ts';
import { readSite } from '../../proxy/site.ts';
import { startRefused } from '../site.ts';
import { createTestTls, type SiteFolder, type TestTls, writeSiteFolder } from '../site-folder.ts';
import { createVisitor, until } from '../visitor.ts';

const good = {
	'operations.yaml': `
- type: Operation
  operation: Reset
  description: Reset a system
  match: POST /redfish/v1/Systems/{system}/Actions/ComputerSystem.Reset
  p2c: (HSO and cp) or (CP and hso)
`,
	'hso/power.yaml': `
Reset:
  hso.pre: SUM(External.PDU.Outlets.Power)<1000
`,
	'cp/power.yaml': `
Reset:
  cp.pre: Request.Method=="POST"
`,
};
const external = {
	PDU: {
		from: 'http',
		url: 'http://127.0.0.1:9/power',
		maxAge: '5s',
		under: 'Outlets',
		each: '$.Outlets[*]',
		fields: { Power: { path: '$.Power', type: 'number' } },
	},
};

let tls: TestTls;
test.before(async () => {
	tls = await createTestTls();
});

async function siteWith(t: ExecutionContext, changes: Readonly<Record<string, string>>): Promise<SiteFolder> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-bad-policies-'));
	t.teardown(() => rm(folder, { recursive: true }));
	return writeSiteFolder(folder, {
		tls,
		// Nobody is there: these tests end before anything is forwarded.
		bmcs: { node1: { url: 'https://127.0.0.1:9', password: generatePassword() } },
		policies: { ...good, ...changes },
		external,
	});
}

const mistakes: readonly (readonly [what: string, file: string, text: string, where: RegExp, why: RegExp])[] =
	[
		[
			'a syntax error in an expression',
			'hso/power.yaml',
			'Reset:\n  hso.pre: SUM(External.PDU.Outlets.Power<1000\n',
			/hso\/power\.yaml:2:\d+/,
			/expected "\)"/,
		],
		['YAML that is none', 'cp/power.yaml', 'Reset:\n  cp.pre: [\n', /cp\/power\.yaml:[23]:\d+/, /./],
		[
			'an unknown operation',
			'hso/power.yaml',
			'Rest:\n  hso.pre: SUM(External.PDU.Outlets.Power)<1000\n',
			/hso\/power\.yaml:1:1/,
			/Reset/,
		],
		[
			"another party's key",
			'hso/power.yaml',
			'Reset:\n  cp.pre: true\n',
			/hso\/power\.yaml:2:3/,
			/move it into cp/,
		],
		[
			'an unknown External source',
			'hso/power.yaml',
			'Reset:\n  hso.pre: SUM(External.PDV.Outlets.Power)<1000\n',
			/hso\/power\.yaml:2:\d+/,
			/PDU/,
		],
		[
			'the same rule in two files',
			'hso/reset.yaml',
			'Reset:\n  hso.pre: SUM(External.PDU.Outlets.Power)<900\n',
			/hso\/reset\.yaml:2:3/,
			/keep one of the two/,
		],
		[
			'a party that nobody knows in the table',
			'operations.yaml',
			good['operations.yaml'].replace('CP and', 'SP and'),
			/operations\.yaml:6:\d+/,
			/SP/,
		],
	];

for (const [what, file, text, where, why] of mistakes) {
	test(`a proxy does not start on ${what}, and says where and what would be right`, async t => {
		const { config } = await siteWith(t, { [file]: text });
		const { code, log } = await startRefused(['proxy', '-c', config]);
		t.not(code, 0);
		t.not(code, null);
		t.regex(log, where);
		t.regex(log, why);
		t.false(log.includes('    at '), 'a message, not a stack');
	});
}

test('every mistake is listed at once', async t => {
	const { config } = await siteWith(t, {
		'hso/power.yaml': 'Rest:\n  hso.pre: true\n',
		'cp/power.yaml': 'Reset:\n  hso.pre: true\n',
	});
	const { log } = await startRefused(['proxy', '-c', config]);
	t.regex(log, /hso\/power\.yaml:1:1/);
	t.regex(log, /cp\/power\.yaml:2:3/);
});

test('a running proxy keeps the last good policies when they break, and takes them once they are mended', async t => {
	const { config, policies, operators } = await siteWith(t, {});
	const lines: string[] = [];
	const record = (level: string) => (fields: unknown, message?: string) =>
		void lines.push(`${level} ${message ?? ''} ${JSON.stringify(fields, errorText)}`);
	const logger = {
		debug: record('debug'),
		info: record('info'),
		warn: record('warn'),
		error: record('error'),
		child: () => logger,
	};
	const proxy = await startProxy(readSite(config), { logger });
	t.teardown(() => proxy.close());
	const visitor = createVisitor({
		url: proxy.url,
		ca: tls.ca,
		username: 'cp-operator',
		password: operators.find(({ party }) => party === 'CP')?.password ?? '',
	});
	t.teardown(() => visitor.close());
	const inForce = async () => (await visitor.get('/p2c/v1/policies')).body;
	const first = await inForce();
	const file = path.join(policies, 'hso', 'power.yaml');
	await mkdir(path.dirname(file), { recursive: true });

	await writeFile(file, 'Reset:\n  hso.pre: SUM(External.PDU.Outlets.Power<1000\n');
	await until(
		async () => lines.join('\n'),
		text => /hso\/power\.yaml:2:\d+/.test(text),
	);
	t.deepEqual(await inForce(), first);

	await writeFile(file, (await readFile(file, 'utf8')).replace('Power<1000', 'Power)<900'));
	const mended = await until(inForce, ({ version }) => version !== first.version);
	t.deepEqual(mended.operations[0].policies.HSO, ['hso.pre: SUM(External.PDU.Outlets.Power)<900']);
});

function errorText(_key: string, value: unknown): unknown {
	return value instanceof Error ? value.message : value;
}
