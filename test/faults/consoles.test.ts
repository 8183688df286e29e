// Consoles and what breaks: kill -9 of the proxy and of a worker, and a disk with no more room under a transcript.
import { createHash } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { listLogFiles, readLines } from '../../proxy/audit/log-files.ts';
import { verifyAudit } from '../../proxy/audit/verify-audit.ts';
import { openConsole } from '../proxy/open-console.ts';
import { startTestProxy } from '../proxy/start-proxy.ts';
import { type ChildProxy, startChildProxy } from './child-proxy.ts';
import { createFaultySite, type FaultySite } from './faulty-site.ts';
import { onSmallDisk, testMounting } from './small-disk.ts';

const rows = {
	'operations.yaml': `
- { type: Console, operation: Open the serial console, description: d, match: 'WEBSOCKET /console0', p2c: HSO and CP }
- { type: Console, operation: Attach media, description: d, match: 'WEBSOCKET /vm/0/0', p2c: CP }
`,
};
const consolesOf = async (site: FaultySite, proxy: ChildProxy) =>
	(await proxy.ask(site.as('CP'), 'GET', '/p2c/v1/consoles')).json.consoles;
const connect = (t: ExecutionContext, site: FaultySite, proxy: ChildProxy, console = '/console0') =>
	openConsole(t, site.ca, site.as('CP'), `${proxy.bmcs.node1}${console}`);

async function askAndApprove(t: ExecutionContext, site: FaultySite, proxy: ChildProxy): Promise<string> {
	const asked = await connect(t, site, proxy);
	if (asked.status !== 202) throw new Error(`it does not wait: ${asked.status}`);
	const { Id: id, Oem: oem } = asked.json;
	const approved = await proxy.ask(site.as('HSO'), 'POST', `/p2c/v1/requests/${id}/approve`, {
		body: { digest: oem.Bimetal.Digest },
	});
	if (approved.status !== 200) throw new Error(approved.whole);
	return id;
}
async function recordsOf(folder: string) {
	const found = [];
	for (const file of await listLogFiles(folder))
		for await (const line of readLines(file.path)) found.push(JSON.parse(line.toString()).record);
	return found.filter(({ kind }) => kind === 'console-session');
}
const until = async (holds: () => Promise<boolean>) => {
	while (!(await holds())) await new Promise(resolve => setTimeout(resolve, 20));
};

test.serial(
	'killed with a console open: on record as ended by the crash, with its transcript as far as it came',
	async t => {
		t.timeout(120_000);
		const site = await createFaultySite(t, {
			policies: rows,
			consoles: { transcripts: { serial: 'output' } },
		});
		const first = await startChildProxy(site.config, site.ca);
		t.teardown(() => first.end());
		await askAndApprove(t, site, first);
		const console = await connect(t, site, first);
		console.socket.send('\r');
		await console.until('login: ');
		// Approved, and not opened before the proxy dies.
		const unopened = await askAndApprove(t, site, first);
		const folder = path.join(site.folder, 'consoles');
		await until(async () =>
			(await readFile(path.join(folder, (await readdir(folder))[0] ?? ''), 'utf8')).includes('login'),
		);
		first.signal('SIGKILL');
		await first.ended();
		t.is((await console.closed).code, 1006);
		await until(async () => site.bmc.consoles.open()['/console0'] === 0);

		const proxy = await startChildProxy(site.config, site.ca);
		t.teardown(() => proxy.end());
		const [session] = await consolesOf(site, proxy);
		const content = await readFile(path.join(folder, `${session.id}.cast`));
		const sha256 = createHash('sha256').update(content).digest('hex');
		t.like(session, {
			state: 'ended',
			approvedBy: [{ party: 'HSO' }],
			ended: { by: null, reason: 'the proxy stopped while it was open' },
			transcript: { sha256, bytes: content.length, complete: false },
		});
		const audit = path.join(site.folder, 'audit');
		t.like(await verifyAudit({ folder: audit }), { ok: true });
		t.deepEqual(
			(await recordsOf(audit)).map(({ action, transcript }) => [action, transcript?.sha256]),
			[
				['open', undefined],
				['end', sha256],
			],
		);

		t.is((await proxy.ask(site.as('CP'), 'GET', `/p2c/v1/requests/${unopened}`)).json.state, 'approved');
		t.is((await connect(t, site, proxy)).status, 101, 'what was approved opens after the restart');
		t.is((await connect(t, site, proxy)).status, 202, 'once');
		t.is((await consolesOf(site, proxy)).length, 2);
	},
);

test.serial('what was approved before a restart expires in its own time', async t => {
	t.timeout(120_000);
	const site = await createFaultySite(t, { policies: rows, approvals: { executeWithin: '6s' } });
	const first = await startChildProxy(site.config, site.ca);
	t.teardown(() => first.end());
	const id = await askAndApprove(t, site, first);
	first.signal('SIGKILL');
	await first.ended();
	const proxy = await startChildProxy(site.config, site.ca);
	t.teardown(() => proxy.end());
	const state = async () => (await proxy.ask(site.as('CP'), 'GET', `/p2c/v1/requests/${id}`)).json.state;
	await until(async () => (await state()) !== 'approved');
	t.is(await state(), 'expired');
	const late = await connect(t, site, proxy);
	t.is(late.status, 202);
	t.not(late.json.Id, id);
	t.is(site.bmc.consoles.open()['/console0'] ?? 0, 0);
});

testMounting(
	'with a full disk under its transcript a session ends, and its end is recorded once there is room',
	async t => {
		t.timeout(120_000);
		const consoles = { transcripts: { serial: 'output' } };
		const site = await createFaultySite(t, { policies: rows, consoles });
		t.teardown(() => rm(`${site.folder}.disk`, { recursive: true, force: true }));
		const proxy = await startChildProxy(site.config, site.ca, onSmallDisk(site.folder));
		t.teardown(() => proxy.end());
		const onDisk = `/proc/${proxy.pid}/root${site.folder}`;
		await askAndApprove(t, site, proxy);
		const console = await connect(t, site, proxy);
		for (const [typed, shown] of [
			['\r', 'login: '],
			['root\r', 'Password: '],
			['pw\r', '# '],
		] as const) {
			console.socket.send(typed);
			await console.until(shown);
		}
		await t.throwsAsync(writeFile(path.join(onDisk, 'filler'), Buffer.alloc(4_000_000)), { code: 'ENOSPC' });
		console.socket.send(`yes ${'x'.repeat(200)}\r`);
		t.deepEqual(await console.closed, { code: 1011, reason: 'its transcript cannot be written' });
		await until(async () => site.bmc.consoles.open()['/console0'] === 0);
		await rm(path.join(onDisk, 'filler'));
		const audit = path.join(onDisk, 'audit');
		await until(async () => (await recordsOf(audit)).some(({ action }) => action === 'end'));
		const [session] = await consolesOf(site, proxy);
		const content = await readFile(path.join(onDisk, 'consoles', `${session.id}.cast`));
		const transcript = {
			sha256: createHash('sha256').update(content).digest('hex'),
			bytes: content.length,
			complete: false,
		};
		t.like(session, { state: 'ended', ended: { reason: 'its transcript cannot be written' }, transcript });
		t.like(
			(await recordsOf(audit)).find(({ action }) => action === 'end'),
			{ transcript },
		);
	},
);

test.serial(
	'consoles open whichever process takes the connection; a worker that dies takes only its own',
	async t => {
		t.timeout(120_000);
		// A BMC takes one medium at a time: whichever came second would be ended by the BMC itself, sooner or later.
		const site = await startTestProxy({ workers: 2, consoles: { perBmc: 1 } });
		t.teardown(() => site.close());
		const names = ['node1', 'node2', 'node3'] as const;
		const attach = (name: (typeof names)[number]) =>
			openConsole(t, site.ca, 'cp-operator', `${site.bmcUrls[name]}/vm/0/0`);
		const opened = await Promise.all(names.map(attach));
		t.deepEqual(
			opened.map(({ status }) => status),
			[101, 101, 101],
		);
		const full = await Promise.all([1, 2, 3, 4].map(() => attach('node1')));
		t.deepEqual(
			full.map(({ status }) => status),
			[503, 503, 503, 503],
			'counted over all processes',
		);
		const [victim] = site.proxy.workers();
		process.kill(victim ?? 0, 'SIGKILL');
		await until(async () => site.proxy.workers().length === 1);
		const open = async () =>
			(await site.ask('cp-operator', 'GET', '/p2c/v1/consoles?state=open')).json.consoles.length;
		const alive = () => opened.filter(({ socket }) => socket.readyState === socket.OPEN).length;
		const atBmcs = () =>
			names.reduce((sum, name) => sum + (site.bmcs[name].consoles.open()['/vm/0/0'] ?? 0), 0);
		const ended = () =>
			site.records.filter(each => each.kind === 'console-session' && each.action === 'end').length;
		// What the clients, the proxy, its records and the BMCs have open is the same.
		await until(
			async () => (await open()) === alive() && atBmcs() === alive() && ended() === names.length - alive(),
		);
		opened[0]?.socket.close();
		await until(async () => (await attach('node1')).status === 101);
	},
);
