// What ends a console, and what does not: people who go, windows that shut, sources that blink, slow watchers, disks.
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createRoster } from '../../proxy/authenticate/roster.ts';
import { agreementFile, readAgreement } from '../../proxy/governance/agreement.ts';
import { agreementText, breakGlass } from '../../proxy/governance/governance.fixture.ts';
import { compilePolicies } from '../../proxy/policy/load-policies.ts';
import type { PolicySet } from '../../proxy/policy/policy-set.ts';
import { eventually, logIn, start } from './console-site.ts';
import { openConsole } from './open-console.ts';
import { entries, loadShipped, parties, type TestProxy } from './start-proxy.ts';

const openAs = (t: ExecutionContext, site: TestProxy, who: string, console = '/vm/0/0') =>
	openConsole(t, site.ca, who, `${site.bmcUrls.node1}${console}`);
const ends = (site: TestProxy) =>
	site.records.filter(record => record.kind === 'console-session' && record.action === 'end');
const openSession = async (site: TestProxy) =>
	(await site.ask('hso-operator', 'GET', '/p2c/v1/consoles?state=open')).json.consoles[0];

/** A serial console of CP's operator, approved by HSO's. */
async function openSerial(t: ExecutionContext, site: TestProxy) {
	const asked = await openAs(t, site, 'cp-operator', '/console0');
	await site.ask('hso-operator', 'POST', `/p2c/v1/requests/${asked.json.Id}/approve`, {
		body: { digest: asked.json.Oem.Bimetal.Digest },
	});
	const opened = await openAs(t, site, 'cp-operator', '/console0');
	return { ...opened, socket: opened.socket, id: String((await openSession(site)).id) };
}

test.serial('an operator who is taken off the roster is cut off, and so is one who looks on', async t => {
	const site = await start(t);
	const console = await openSerial(t, site);
	const watcher = await openConsole(t, site.ca, 'hso-two', `${site.url}/p2c/v1/consoles/${console.id}/watch`);
	t.is(watcher.status, 101);
	const without = (name: string) =>
		site.proxy.useRoster(
			createRoster(
				entries.filter(entry => entry.name !== name),
				parties,
			),
		);
	await without('hso-two');
	t.deepEqual(await watcher.closed, { code: 4003, reason: 'hso-two is no longer an operator' });
	t.is((await openSession(site)).state, 'open');
	await without('cp-operator');
	t.deepEqual(await console.closed, { code: 4003, reason: 'cp-operator is no longer an operator' });
	await eventually(() => ends(site).length === 1);
	t.like(ends(site)[0], { endedBy: null, reason: 'cp-operator is no longer an operator' });
});

test.serial('one who approved it and is no operator any more has not approved it', async t => {
	const site = await start(t);
	const console = await openSerial(t, site);
	const others = entries.filter(({ name }) => name !== 'hso-operator');
	await site.proxy.useRoster(createRoster(others, parties));
	t.deepEqual(await console.closed, { code: 4003, reason: 'it would need HSO now' });
});

test.serial('a watcher whose row is closed by a change of the policies looks on no longer', async t => {
	const site = await start(t);
	const console = await openSerial(t, site);
	const watcher = await openConsole(t, site.ca, 'hso-two', `${site.url}/p2c/v1/consoles/${console.id}/watch`);
	const operations = site.policies.operations.map(operation =>
		operation.name === 'Watch a serial console'
			? { ...operation, authorization: { ...operation.authorization, closed: true } }
			: operation,
	);
	await site.proxy.usePolicies({ ...site.policies, operations, version: 'e'.repeat(64) });
	t.is((await watcher.closed).code, 4003);
	t.is((await openSession(site)).watchers, 0);
});

const agreed = (maxUses: number) =>
	readAgreement(
		agreementFile,
		agreementText(
			breakGlass.replace('[Wipe]', '[Open the serial console]').replace('maxUses: 3', `maxUses: ${maxUses}`),
		),
	);
const opening = { reason: 'fire in the rack', forMs: 10 * 60_000, signed: undefined };
const hso = { name: 'hso-operator', party: 'HSO' };

test.serial('under break-glass it lasts as long as the window, though its last use is used', async t => {
	const site = await start(t, { agreement: agreed(1) });
	const window = await site.windows?.open(hso, opening);
	const opened = await openAs(t, site, 'hso-operator', '/console0');
	t.is(opened.status, 101);
	t.like((await site.windows?.list())?.[0], { uses: 1, ended: { reason: 'all its uses are used' } });
	await site.proxy.useRoster(createRoster(entries, parties));
	const pass = async (seconds: number) => {
		site.clock.advance(seconds * 1000);
		// Answers to the proxy's pings come on the way.
		opened.socket.send('\r');
		await opened.until('login');
	};
	for (let i = 0; i < 29; i++) await pass(20);
	await pass(15);
	t.is((await openSession(site)).breakGlass, window?.id);
	site.clock.advance(5000);
	t.deepEqual(await opened.closed, { code: 4003, reason: 'the break-glass window has ended' });
});

test.serial('whoever ends a break-glass window ends what was opened under it', async t => {
	const site = await start(t, { agreement: agreed(3) });
	const window = await site.windows?.open(hso, opening);
	const opened = await openAs(t, site, 'hso-operator', '/console0');
	await site.windows?.end(window?.id ?? '', { name: 'cp-operator', party: 'CP' }, 'false alarm');
	site.clock.advance(5000);
	t.deepEqual(await opened.closed, { code: 4003, reason: 'the break-glass window has ended' });
});

/** The shipped policies, but HSO lets media be attached only while enough servers are up. */
async function whileServersAreUp(): Promise<PolicySet> {
	const { sources } = await loadShipped();
	if (!sources) throw new Error('these come from files');
	const change = (text: string) =>
		text.replace(
			/^(Attach virtual media:\n)(?: +.*\n)*/m,
			'$1  hso.pre: COUNT(External.Servers.State=="Up")>=6\n',
		);
	const files = JSON.parse(JSON.stringify(sources.files), (key, value) =>
		key === 'text' && typeof value === 'string' ? change(value) : value,
	);
	return compilePolicies({ ...sources, files: { ...files, version: 'd'.repeat(64) } });
}

test.serial('a source that is silent for a moment ends nothing; one that stays silent does', async t => {
	const policies = await whileServersAreUp();
	const site = await start(t, { policies });
	const recheck = () => site.proxy.useRoster(createRoster(entries, parties));
	const attach = async () => {
		const opened = await openAs(t, site, 'cp-operator');
		t.is(opened.status, 101);
		return opened;
	};

	const first = await attach();
	site.world.unavailable = true;
	await recheck();
	await eventually(async () => (await openSession(site)) !== undefined);
	site.world.unavailable = false;
	site.clock.advance(10_000);
	await recheck();
	t.is(first.socket.readyState, first.socket.OPEN);
	t.is(ends(site).length, 0);

	site.world.unavailable = true;
	let asked = 0;
	site.world.whileReading = async () => void asked++;
	await recheck();
	await recheck();
	await eventually(() => asked >= 2);
	site.clock.advance(9000);
	t.is(first.socket.readyState, first.socket.OPEN);
	site.clock.advance(1000);
	const { code, reason } = await first.closed;
	t.is(code, 4003);
	t.regex(reason, /^it would be denied now: .*Servers/);

	// What is known to be against it needs no second look.
	site.world.unavailable = false;
	const second = await attach();
	site.world.up = 5;
	await recheck();
	t.is((await second.closed).code, 4003);
});

test.serial('a watcher who does not read is let go with a bounded backlog; the session goes on', async t => {
	const site = await start(t);
	const console = await openSerial(t, site);
	await logIn(console);
	const url = `${site.url}/p2c/v1/consoles/${console.id}/watch`;
	const [slow, quick] = [
		await openConsole(t, site.ca, 'hso-two', url),
		await openConsole(t, site.ca, 'hso-operator', url),
	];
	let seen = 0;
	quick.socket.removeAllListeners('message').on('message', (data: Buffer) => {
		seen += data.length;
	});
	let shown = 0;
	console.socket.removeAllListeners('message').on('message', (data: Buffer) => {
		shown += data.length;
	});
	slow.socket.pause();
	let backlog = 0;
	slow.socket.removeAllListeners('message').on('message', (data: Buffer) => {
		backlog += data.length;
	});
	// Less than may wait for a watcher, time after time: who reads is never behind by more, however loaded the machine is.
	const screen = 2000 * 202;
	const screens = 100;
	for (let i = 1; i <= screens; i++) {
		console.socket.send(`yes ${'x'.repeat(200)}\r`);
		await eventually(() => shown >= i * screen && seen >= i * screen);
	}
	t.is((await openSession(site)).watchers, 1);
	site.clock.advance(2000); // what it has for closing
	slow.socket.resume();
	t.true([1006, 1013].includes((await slow.closed).code));
	// What the system holds of a connection, and not much more.
	t.true(backlog < (screens * screen) / 2, `${backlog} bytes waited for it`);
	await eventually(() =>
		site.records.some(record => record.kind === 'console-session' && record.action === 'unwatch'),
	);
	console.socket.send('\r');
	await eventually(() => shown > screens * screen);
});

test.serial(
	'a session whose transcript has grown to its limit ends, with all of it that fits on the record',
	async t => {
		const site = await start(t, {
			consoles: { transcripts: { serial: 'output' }, transcriptLimit: '64KiB' },
		});
		const console = await openSerial(t, site);
		await logIn(console);
		console.socket.send(`yes ${'x'.repeat(200)}\r`);
		t.deepEqual(await console.closed, { code: 1011, reason: 'its transcript has grown to its limit' });
		await eventually(() => ends(site).length === 1);
		const [end] = ends(site);
		if (end?.kind !== 'console-session' || !end.transcript) return t.fail('no transcript');
		const content = await readFile(path.join(site.folder, 'consoles', `${console.id}.cast`));
		t.is(end.transcript.sha256, createHash('sha256').update(content).digest('hex'));
		t.true(content.length <= 64 * 1024);
		t.false(end.transcript.complete);
	},
);

test.serial('without a transcript nothing is opened that must have one', async t => {
	const site = await start(t, { consoles: { transcripts: { media: 'both' } } });
	await writeFile(path.join(site.folder, 'consoles'), 'in the way');
	const refused = await openAs(t, site, 'cp-operator');
	t.is(refused.status, 500);
	t.is(await openSession(site), undefined);
	await eventually(() => site.bmcs.node1.consoles.open()['/vm/0/0'] === 0);
});

test.serial(
	'an end that cannot be recorded is recorded once it can be, and shown as an end meanwhile',
	async t => {
		const site = await start(t);
		const opened = await openAs(t, site, 'cp-operator');
		const { id } = await openSession(site);
		const { transact } = site.store;
		let isAway = true;
		Object.assign(site.store, {
			transact: (work: Parameters<typeof transact>[0]) =>
				isAway ? Promise.reject(new Error('the store is away')) : transact.call(site.store, work),
		});
		opened.socket.close();
		await eventually(() => site.consoles.some(({ state }) => state === 'ended'));
		const get = async () => (await site.ask('cp-operator', 'GET', `/p2c/v1/consoles/${id}`)).json;
		t.is((await get()).state, 'ended');
		t.is(await openSession(site), undefined);
		isAway = false;
		site.clock.advance(5000);
		await eventually(async () => {
			const { consoleDocuments } = await import('../../proxy/console/console-document.ts');
			return (await site.store.read(tx => tx.get(consoleDocuments, id)))?.state === 'ended';
		});
		t.is(ends(site).length, 1, 'once');
	},
);

test.serial('the proxy closes at once, whoever keeps a console open', async t => {
	const site = await start(t);
	const opened = await openAs(t, site, 'cp-operator');
	const deaf = await openConsole(t, site.ca, 'cp-operator', `${site.bmcUrls.node2}/vm/0/0`);
	deaf.socket.pause();
	await site.proxy.close(); // on a clock that stands still
	t.deepEqual(await opened.closed, { code: 1001, reason: 'the proxy is shutting down' });
	t.is(ends(site).length, 2);
});
