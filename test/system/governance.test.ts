// Signed policies with the whole proxy and the command line: founding, changes, roll-back, break-glass, restart.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parse, stringify } from 'yaml';
import { createTerminal, type Ran } from '../../cli/test-terminal.ts';
import { systemClock } from '../../common/clock.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { readAudit } from '../../proxy/audit/read-audit.ts';
import { type RunningProxy, startProxy } from '../../proxy/main.ts';
import { readSite } from '../../proxy/site.ts';
import { startBmc } from '../../qemu/bmc/bmc.ts';
import { createTestTls, type TestTls, writeSiteFolder } from '../site-folder.ts';

const table = `- type: Operation
  operation: Label
  description: Label the system
  match: PATCH /redfish/v1/Systems/{system}
  properties: [AssetTag]
  p2c: HSO and CP
- type: Operation
  operation: Look
  description: Look at the system
  match: GET /redfish/v1/Systems/{system}
  p2c: (HSO and cp) or (CP and hso)
`;
const policies = {
	'operations.yaml': table,
	'hso/look.yaml': 'Look:\n  hso.pre: true\n',
	'cp/look.yaml': 'Look:\n  cp.pre: true\n  cp.post: ComputerSystem.SerialNumber := null\n',
};
const agreement = (keys: Record<string, string>) => `site: test
parties:
  HSO: {signingKey: '${keys.hso}'}
  CP: {signingKey: '${keys.cp}'}
change: HSO and CP
breakGlass:
  HSO: {operations: [Label], maxDuration: 30m, maxUses: 2}
`;

let tls: TestTls;
test.before(async () => {
	tls = await createTestTls();
});

type Run = (...argv: string[]) => Promise<Ran>;

/** A site whose parties have keys; nothing is signed yet. */
async function startSite(t: ExecutionContext) {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-governance-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const bmc = await startBmc({
		name: 'node1',
		accounts: [{ name: 'root', password: 'of-the-bmc', role: 'Administrator' }],
		clock: systemClock,
		failedLoginDelayMs: 0,
	});
	t.teardown(() => bmc.close());
	const bmcs = { node1: { url: bmc.url, password: 'of-the-bmc' } };
	const { config, operators } = await writeSiteFolder(folder, { tls, bmcs, policies });
	const site = parse(await readFile(config, 'utf8'));
	await writeFile(config, stringify({ ...site, policies: { folder: 'policies', signed: 'required' } }));
	for (const { name, password } of operators)
		await writeFile(path.join(folder, `${name}.password`), password, { mode: 0o600 });

	let proxy: RunningProxy | undefined;
	t.teardown(() => proxy?.close());
	const as =
		(user?: string): Run =>
		(...argv) => {
			const terminal = createTerminal({
				cwd: folder,
				env: {
					BIMETAL_HOME: path.join(folder, 'home'),
					...(user && {
						BIMETAL_URL: proxy?.url ?? '',
						BIMETAL_USER: user,
						BIMETAL_PASSWORD_FILE: `${user}.password`,
						BIMETAL_CA: 'ca.pem',
					}),
				},
			});
			Object.assign(terminal.context, { clock: systemClock });
			return terminal.run(...argv);
		};
	const keys: Record<string, string> = {};
	for (const party of ['hso', 'cp']) {
		const { out } = await as()(
			'party',
			'keygen',
			'--party',
			party.toUpperCase(),
			'--out',
			`${party}.key`,
			'--json',
		);
		keys[party] = JSON.parse(out).publicKey;
	}
	await writeFile(path.join(folder, 'policies', 'agreement.yaml'), agreement(keys));
	return {
		folder,
		bmc,
		offline: as(),
		hso: as('hso-operator'),
		cp: as('cp-operator'),
		async start() {
			proxy = await startProxy(readSite(config), { logger: silentLogger });
		},
		async stop() {
			await proxy?.close();
			proxy = undefined;
		},
		write: (name: string, text: string) => writeFile(path.join(folder, 'policies', name), text),
		async sign() {
			for (const party of ['hso', 'cp']) {
				const who = ['policies', '--party', party, '--key', `${party}.key`];
				for (const what of ['agreement', 'policy']) t.is((await as()(what, 'sign', ...who)).code, 0);
			}
		},
		async audit() {
			const records = [];
			for await (const { record } of readAudit({ folder: path.join(folder, 'audit') })) records.push(record);
			return records;
		},
	};
}

test('from founding to restart', async t => {
	const site = await startSite(t);
	const { hso, cp, offline } = site;
	await t.throwsAsync(site.start(), {
		message: /policies\/manifest\.json:1:1: the table and the agreement are not signed/,
	});
	t.is((await offline('agreement', 'verify', 'policies')).code, 3);
	await site.sign();
	t.is((await offline('agreement', 'verify', 'policies')).code, 0);
	await site.start();
	const founded = JSON.parse((await hso('policy', 'versions', '--json')).out).versions;
	t.is(founded.length, 1);
	t.like(founded[0], { inForce: true, signed: true, by: null });

	// A party's own change: on its own signature, at once.
	await site.write('hso/look.yaml', 'Look:\n  hso.pre: 1 < 2\n');
	const pushed = await hso('policy', 'push', '--signing-key', 'hso.key');
	t.is(pushed.code, 0, pushed.err);
	t.regex(pushed.out, /^In force: version [0-9a-f]{64}$/m);
	t.regex((await cp('policies', 'Look')).out, /hso\.pre: 1 < 2/);
	const stolen = await cp('policy', 'push', '--signing-key', 'hso.key');
	t.is(stolen.code, 3, 'whoever has found HSO’s key is still no operator of HSO');

	const shown = JSON.parse((await cp('policy', 'show', 'in-force', '--json')).out);
	t.deepEqual(shown.hidden, ['hso/look.yaml'], 'a party may keep its policies to itself');
	t.deepEqual(
		Object.keys(shown.files)
			.filter(name => name.includes('/'))
			.sort(),
		[
			'cp/look.yaml',
			'cp/manifest.json',
			'cp/manifest.json.sig',
			'hso/manifest.json',
			'hso/manifest.json.sig',
		],
	);

	// Of a change that takes something from CP the author hears first.
	await site.write('hso/look.yaml', 'Look:\n  hso.pre: false\n');
	const locking = await hso('policy', 'push', '--signing-key', 'hso.key');
	t.is(locking.code, 8);
	t.regex(locking.err, /CP could no longer do "Look" alone/);
	t.is((await hso('policy', 'push', '--signing-key', 'hso.key', '--accept-lockout')).code, 0);

	// The table: both parties, each with its own key.
	await site.write('operations.yaml', table.replace('p2c: HSO and CP', 'p2c: HSO or CP'));
	const proposed = await hso('policy', 'push', '--common', '--signing-key', 'hso.key', '--json');
	t.is(proposed.code, 4, proposed.err);
	const { id } = JSON.parse(proposed.out).change;
	t.regex((await cp('policy', 'changes', '--state', 'waiting')).out, new RegExp(id));
	t.regex((await cp('policy', 'change', id)).out, /^-\s+p2c: HSO and CP\n\+\s+p2c: HSO or CP$/m);
	t.is((await cp('policy', 'approve', id)).code, 3, 'without a signature');
	t.is((await cp('policy', 'approve', id, '--signing-key', 'hso.key')).code, 3, 'with another party’s');
	const approved = await cp('policy', 'approve', id, '--signing-key', 'cp.key', '--comment', 'ticket 7');
	t.is(approved.code, 0, approved.err);
	t.regex(approved.out, /Approved, and in force: version [0-9a-f]{64}/);
	t.regex((await hso('policies')).out, /Label.*HSO or CP/);

	// Back to the beginning, piece by piece, with the same authorizations.
	t.is((await hso('policy', 'rollback', founded[0].id.slice(0, 12), '--signing-key', 'hso.key')).code, 0);
	const back = await cp('policy', 'rollback', founded[0].id, '--common', '--signing-key', 'cp.key', '--json');
	t.is(back.code, 4, back.err);
	t.is(
		(await hso('policy', 'approve', JSON.parse(back.out).change.id, '--signing-key', 'hso.key', '--yes'))
			.code,
		0,
	);
	const versions = JSON.parse((await hso('policy', 'versions', '--json')).out).versions;
	t.is(versions[0].policyVersion, founded[0].policyVersion);
	t.is(versions.length, 6);

	await site.stop();
	await site.start();
	const after = JSON.parse((await hso('policy', 'versions', '--json')).out).versions;
	t.deepEqual(
		after,
		versions,
		'what the folder holds by now is older, or unsigned; what was taken stays in force',
	);
	const taken = (await site.audit()).filter(
		record => record.kind === 'governance' && record.action === 'take',
	);
	t.is(taken.length, 6);
});

test('break-glass: one party alone, for what is listed, told to everybody, until it is ended', async t => {
	const site = await startSite(t);
	const { hso, cp } = site;
	await site.sign();
	await site.start();
	const label = (tag: string) =>
		hso('patch', 'Systems/system', '--bmc', 'node1', '-d', `{"AssetTag":"${tag}"}`);
	t.is((await label('a')).code, 4);
	const open = (...more: string[]) =>
		hso('break-glass', '--reason', 'fire in the rack', '--for', '10m', ...more);
	t.is((await open()).code, 3, 'the agreement asks for the key');
	t.is(
		(await cp('break-glass', '--reason', 'x', '--signing-key', 'cp.key')).code,
		3,
		'CP is not allowed any',
	);
	const opened = await open('--signing-key', 'hso.key');
	t.is(opened.code, 0, opened.err);
	t.regex((await cp('whoami')).err, /BREAK-GLASS of HSO by hso-operator, ends in .*: fire in the rack/);
	t.is((await label('b')).code, 0);
	const executed = site.bmc.executed.filter(({ method }) => method === 'PATCH');
	t.is(executed.length, 1);
	const marked = (await site.audit()).filter(record => record.kind === 'decision' && record.breakGlass);
	t.like(marked[0], { operator: 'hso-operator', verdict: 'execute', operations: ['Label'] });

	const ended = await cp('break-glass', 'end', '--reason', 'the fire is out');
	t.is(ended.code, 0, ended.err);
	t.is((await label('c')).code, 4);
	t.is((await cp('whoami')).err, '');
	t.regex((await hso('break-glass')).out, /the fire is out/);
	const kinds = (await site.audit()).flatMap(record =>
		record.kind === 'break-glass' ? [[record.action, record.operator, record.uses]] : [],
	);
	t.deepEqual(kinds, [
		['open', 'hso-operator', 0],
		['end', 'cp-operator', 1],
	]);
});

test('an unsigned site keeps its versions, and has neither changes nor break-glass', async t => {
	const site = await startSite(t);
	const config = path.join(site.folder, 'site.yaml');
	const content = parse(await readFile(config, 'utf8'));
	await writeFile(config, stringify({ ...content, policies: 'policies' }));
	await site.start();
	t.regex((await site.hso('policy', 'versions')).out, /not signed +in force/);
	t.is((await site.hso('agreement', 'show')).code, 3);
	t.is((await site.hso('break-glass', '--reason', 'x')).code, 3);
	t.is((await site.hso('break-glass')).code, 0);
});

test('a pinned file of the site that was changed keeps the proxy from starting', async t => {
	const site = await startSite(t);
	const { createHash } = await import('node:crypto');
	const operators = path.join(site.folder, 'operators.yaml');
	const sha256 = createHash('sha256')
		.update(await readFile(operators))
		.digest('hex');
	const file = path.join(site.folder, 'policies', 'agreement.yaml');
	await writeFile(file, `${await readFile(file, 'utf8')}pinned: {operators.yaml: ${sha256}}\n`);
	await site.sign();
	await site.start();
	await site.stop();
	await writeFile(operators, `${await readFile(operators, 'utf8')}# an account more\n`);
	await t.throwsAsync(site.start(), {
		message: /operators\.yaml:1:1: it has the SHA-256 [0-9a-f]{64}, and agreement\.yaml in force pins/,
	});
});
