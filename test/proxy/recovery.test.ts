// The proxy's host is lost: what two parties can bring back, and what nobody else can.
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { parseDocument } from 'yaml';
import { createTerminal } from '../../cli/test-terminal.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { readAudit } from '../../proxy/audit/read-audit.ts';
import { type RunningProxy, startProxy } from '../../proxy/main.ts';
import { readSite } from '../../proxy/site.ts';
import { type Bmc, startBmc } from '../../qemu/bmc/bmc.ts';
import { createTestTls, writeSiteFolder } from '../site-folder.ts';
import { createVisitor } from '../visitor.ts';

const system = '/redfish/v1/Systems/system';
const reset = `${system}/Actions/ComputerSystem.Reset`;
const toDefaults = '/redfish/v1/Managers/bmc/Actions/Manager.ResetToDefaults';
const policies = {
	'operations.yaml': `
- { type: Monitoring, operation: Get system, description: d, match: 'GET ${system}', p2c: HSO or CP }
- { type: Operation, operation: Reset, description: d, match: 'POST ${reset}', p2c: HSO }
- { type: Operation, operation: Defaults, description: d, match: 'POST ${toDefaults}', p2c: HSO and CP }
`,
};

/** Two BMCs that were enrolled in a site whose policies and TLS key stand elsewhere than the site file. */
async function enrolledSite(t: ExecutionContext) {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-recovery-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const home = path.join(folder, 'site');
	const elsewhere = path.join(folder, 'elsewhere');
	await mkdir(elsewhere);
	const tls = await createTestTls();
	const password = 'Delivered-with1';
	const bmcs: Record<string, Bmc> = {};
	for (const name of ['node1', 'node2']) {
		const bmc = await startBmc({
			name,
			tls: { key: tls.server.keyPem, cert: tls.server.certificatePem },
			accounts: [{ name: 'root', password, role: 'Administrator' }],
			failedLoginDelayMs: 0,
		});
		t.teardown(() => bmc.close());
		bmcs[name] = bmc;
	}
	const { config, operators } = await writeSiteFolder(home, { tls, bmcs: {}, policies });
	await rename(path.join(home, 'policies'), path.join(elsewhere, 'policies'));
	await rename(path.join(home, 'proxy.key.pem'), path.join(elsewhere, 'tls.key'));
	const site = parseDocument(await readFile(config, 'utf8'));
	site.commentBefore = ' A comment that people wrote.';
	site.set('policies', path.join(elsewhere, 'policies'));
	site.setIn(['tls', 'key'], path.join(elsewhere, 'tls.key'));
	const cli = createTerminal({ cwd: folder });
	const run = async (...argv: string[]) => {
		const ran = await cli.run(...argv);
		t.is(ran.code, 0, `${argv.join(' ')}: ${ran.err}`);
		return ran;
	};
	// HSO has a recovery key; of CP there is an RSA key as a party's root may have it.
	await run('party', 'recovery-key', '--out', 'hso.recovery');
	const cp = generateKeyPairSync('rsa', { modulusLength: 2048 });
	const pem = { format: 'pem' } as const;
	await writeFile(path.join(folder, 'cp.recovery'), cp.privateKey.export({ type: 'pkcs8', ...pem }));
	await writeFile(path.join(home, 'cp.pub'), cp.publicKey.export({ type: 'spki', ...pem }));
	await rename(path.join(folder, 'hso.recovery.pub'), path.join(home, 'hso.pub'));
	site.setIn(['parties', 'HSO', 'recovery'], 'hso.pub');
	site.setIn(['parties', 'CP', 'recovery'], 'cp.pub');
	await writeFile(config, site.toString());
	await writeFile(path.join(folder, 'delivered'), password);
	const { X509Certificate } = await import('node:crypto');
	const fingerprint = new X509Certificate(tls.server.certificatePem).fingerprint256;
	for (const [name, { url }] of Object.entries(bmcs)) {
		const where = [
			'--url',
			url,
			'--site',
			config,
			'--password-file',
			'delivered',
			'--fingerprint',
			fingerprint,
		];
		await run('bmc', 'enrol', name, ...where);
	}
	return { folder, home, elsewhere, config, bmcs, cli, run, tls, operators };
}

async function start(t: ExecutionContext, config: string): Promise<RunningProxy> {
	const proxy = await startProxy(readSite(config), { logger: silentLogger });
	t.teardown(() => proxy.close());
	return proxy;
}

/** Every file below a folder with its contents. */
async function contentsOf(folder: string): Promise<Map<string, Buffer>> {
	const found = new Map<string, Buffer>();
	for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
		const file = path.join(entry.parentPath, entry.name);
		if (entry.isFile()) found.set(path.relative(folder, file), await readFile(file));
	}
	return found;
}

test('enrol, back up while it runs, lose the host, restore with two shares, go on where it was', async t => {
	const { folder, home, elsewhere, config, bmcs, run, tls, operators } = await enrolledSite(t);
	const visitorOf = (proxy: RunningProxy, party: string) => {
		const { name, password } = operators.find(operator => operator.party === party) ?? t.fail();
		const visitor = createVisitor({ url: proxy.url, ca: tls.ca, username: name, password });
		t.teardown(() => visitor.close());
		return visitor;
	};
	const first = await start(t, config);
	const before = visitorOf(first, 'HSO');
	for (const name of ['node1', 'node2']) t.is((await before.get(`/bmc/${name}${system}`)).status, 200);
	const waits = await before.post(`/bmc/node1${toDefaults}`, { ResetType: 'ResetAll' });
	t.is(waits.status, 202);
	const id = String(waits.headers.location).split('/').at(-1);

	const transcript = 'consoles/c00000000000000001.cast';
	await mkdir(path.join(home, 'consoles'));
	await writeFile(path.join(home, transcript), 'what was shown');

	const made = await run('backup', 'create', '--out', 'site.backup', '--site', config);
	t.regex(made.out, /opens with the shares of 2 of 2 parties/);
	t.is((await before.get(`/bmc/node1${system}`)).status, 200, 'it runs on');
	await first.close();
	await rm(home, { recursive: true });
	await rm(elsewhere, { recursive: true });

	// Each party on a machine of its own.
	await run('backup', 'open-share', 'site.backup.HSO.share', '--key', 'hso.recovery', '--out', 'hso.share');
	await run('backup', 'open-share', 'site.backup.CP.share', '--key', 'cp.recovery', '--out', 'cp.share');
	const shares = ['--share', 'hso.share', '--share', 'cp.share'];
	const restored = await run('backup', 'restore', 'site.backup', ...shares, '--to', 'restored', '--json');
	t.like(JSON.parse(restored.out), { site: 'test', parties: ['HSO', 'CP'] });
	const found = await contentsOf(path.join(folder, 'restored'));
	t.true(found.get('site.yaml')?.toString().includes('# A comment that people wrote.'));
	t.false(found.get('site.yaml')?.toString().includes(elsewhere));
	t.is(found.get(transcript)?.toString(), 'what was shown');
	t.deepEqual(
		[...found.keys()].filter(name => /sqlite|\.sock$|\.lock$/.test(name)),
		['store.sqlite'],
		'one store, of one moment',
	);
	t.deepEqual(
		[...found.keys()].filter(name => name.startsWith('outside')).sort(),
		['outside/1/tls.key', 'outside/1/policies/operations.yaml'].sort(),
	);
	for (const [name, bytes] of found)
		if (/key|secret|password/i.test(name))
			t.false(restored.out.includes(bytes.toString('utf8').trim()), `${name} was printed`);

	const second = await start(t, path.join(folder, 'restored/site.yaml'));
	const hso = visitorOf(second, 'HSO');
	const cp = visitorOf(second, 'CP');
	t.is((await hso.post(`/bmc/node2${reset}`, { ResetType: 'ForceOff' })).status, 204);
	t.is(bmcs.node2?.powerState(), 'Off');
	const held = (await cp.get(`/p2c/v1/requests/${id}`)).body;
	t.is(held.state, 'waiting', 'what waited still waits');
	const approved = await cp.post(`/p2c/v1/requests/${id}/approve`, { digest: held.digest });
	t.is(approved.body.state, 'executed', JSON.stringify(approved.body));
	t.is(bmcs.node1?.counts.resetsToDefaults, 1);
	await second.close();

	const kinds: string[] = [];
	for await (const { record } of readAudit({ folder: path.join(folder, 'restored/audit') }))
		kinds.push(record.kind === 'console' ? `${record.action} ${record.outcome}` : record.kind);
	for (const kind of ['enrol done', 'start', 'backup begun', 'restore done'])
		t.true(kinds.includes(kind), `${kind} is on the record: ${kinds.join()}`);
});

test('fewer, foreign and changed shares, and a changed backup: told why, and nothing is written', async t => {
	const { folder, config, cli, run } = await enrolledSite(t);
	await run('backup', 'create', '--out', 'a.backup', '--site', config, '--without-audit');
	await run('backup', 'create', '--out', 'b.backup', '--site', config, '--without-audit');
	for (const backup of ['a', 'b']) {
		for (const party of ['HSO', 'CP']) {
			const key = `${party.toLowerCase()}.recovery`;
			const sealed = `${backup}.backup.${party}.share`;
			await run('backup', 'open-share', sealed, '--key', key, '--out', `${backup}.${party}`);
		}
	}
	const share = JSON.parse(await readFile(path.join(folder, 'a.CP'), 'utf8'));
	const bytes = Buffer.from(share.share, 'base64');
	bytes[3] = (bytes[3] ?? 0) ^ 1;
	const changed = JSON.stringify({ ...share, share: bytes.toString('base64') });
	await writeFile(path.join(folder, 'changed'), changed);
	const before = (await readdir(folder)).sort();
	const refused = async (code: string, backup: string, ...shares: string[]) => {
		const given = shares.flatMap(name => ['--share', name]);
		const ran = await cli.run('backup', 'restore', backup, ...given, '--to', 'restored', '--json');
		t.is(JSON.parse(ran.out).error.code, code, shares.join());
		t.not(ran.code, 0);
		t.regex(ran.err, /\n {2}try: /);
		t.deepEqual((await readdir(folder)).sort(), before, 'nothing was written');
	};
	await refused('SharesTooFew', 'a.backup', 'a.HSO');
	await refused('SharesTooFew', 'a.backup', 'a.HSO', 'a.HSO');
	await refused('ShareForeign', 'a.backup', 'a.HSO', 'b.CP');
	await refused('ShareForeign', 'a.backup', 'b.HSO', 'b.CP');
	await refused('SharesWrong', 'a.backup', 'a.HSO', 'changed');
	await refused('ShareNotOpened', 'a.backup', 'a.HSO', 'a.backup.CP.share');
	await refused('ShareUnreadable', 'a.backup', 'a.HSO', 'delivered');
	await refused('BackupUnreadable', 'delivered', 'a.HSO', 'a.CP');
	const other = await cli.run(
		'backup',
		'open-share',
		'a.backup.CP.share',
		'--key',
		'hso.recovery',
		'--out',
		'x',
	);
	t.regex(other.err, /another key/);

	// A bit anywhere: in the header, in a chunk, in a length, in the last tag.
	const whole = await readFile(path.join(folder, 'a.backup'));
	before.push('changed.backup');
	before.sort();
	const places = [16, 40, 200, whole.length - 1, ...fc.sample(fc.nat(whole.length - 1), 12)];
	for (const at of places) {
		const bad = Buffer.from(whole);
		bad[at] = (bad[at] ?? 0) ^ 4;
		await writeFile(path.join(folder, 'changed.backup'), bad);
		const given = ['--share', 'a.HSO', '--share', 'a.CP'];
		const ran = await cli.run('backup', 'restore', 'changed.backup', ...given, '--to', 'restored', '--json');
		t.regex(JSON.parse(ran.out).error.code, /^(Backup|Share)/, `byte ${at}`);
		t.deepEqual((await readdir(folder)).sort(), before, 'nothing was written');
	}

	// A backup that was made without a proxy is as good, and nobody's folder is overwritten.
	const given = ['--share', 'a.CP', '--share', 'a.HSO'];
	await run('backup', 'restore', 'a.backup', ...given, '--to', 'restored');
	t.is((await cli.run('backup', 'restore', 'a.backup', ...given, '--to', 'restored')).code, 8);
	t.is((await cli.run('backup', 'create', '--out', 'a.backup', '--site', config)).code, 2);
	const proxy = await start(t, path.join(folder, 'restored/site.yaml'));
	await proxy.close();
});

test('no single party, and no party without a key', async t => {
	const { folder, config, cli } = await enrolledSite(t);
	const create = (...more: string[]) => cli.run('backup', 'create', '--out', 'x', '--site', config, ...more);
	t.regex((await create('--threshold', '1')).err, /at least 2/);
	t.regex((await create('--threshold', '3')).err, /at most as many/);
	const site = parseDocument(await readFile(config, 'utf8'));
	site.setIn(['recovery', 'threshold'], 1);
	await writeFile(config, site.toString());
	t.is((await create()).code, 2);
	site.delete('recovery');
	site.deleteIn(['parties', 'CP', 'recovery']);
	await writeFile(config, site.toString());
	t.regex((await create()).err, /CP has neither a recovery key nor a root certificate/);
	t.deepEqual(
		(await readdir(folder)).filter(name => name.startsWith('x')),
		[],
		'nothing was left behind',
	);
});

test('nothing secret of a backup is in clear in it, nor in its shares', async t => {
	const { folder, home, config, run } = await enrolledSite(t);
	await run('backup', 'create', '--out', 'site.backup', '--site', config);
	const written = ['site.backup', 'site.backup.HSO.share', 'site.backup.CP.share'];
	for (const name of written) {
		const bytes = await readFile(path.join(folder, name));
		for (const secret of ['secrets/bmc-node1', 'secrets/bmc-node2'])
			t.false(bytes.includes((await readFile(path.join(home, secret), 'utf8')).trim()));
		t.false(bytes.includes('PRIVATE KEY'));
	}
	const modes = spawnSync('stat', ['-c', '%a', ...written], { cwd: folder, encoding: 'utf8' }).stdout;
	t.is(modes, '600\n600\n600\n');
});
