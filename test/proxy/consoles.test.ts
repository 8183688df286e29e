// Consoles through the whole proxy: who opens, who agrees, who watches, how they end, and what is on the record.
import test from 'ava';
import { consoleView } from '../../proxy/console/schemas.ts';
import { allEnded, eventually, openAgreed, openAs, records, start, watchAs } from './console-site.ts';
import { openConsole } from './open-console.ts';
import type { TestProxy } from './start-proxy.ts';

const handshakes = (site: TestProxy) =>
	site.spies.node1.received().match(/^GET \/(?!redfish)/gm)?.length ?? 0;

test.serial('a serial console waits for the other party, opens once, and is on the record', async t => {
	const site = await start(t);
	const asked = await openAs(t, site, 'cp-operator');
	t.is(asked.status, 202);
	t.like(asked.json, { TaskState: 'Pending', Name: 'WEBSOCKET /console0 on node1' });
	t.deepEqual(asked.json.Oem.Bimetal.NeedsAuthorizationOf, [['HSO']]);
	const { Id: id, Oem: oem } = asked.json;
	t.is((await openAs(t, site, 'cp-operator')).json.Id, id, 'asking again piles up no second request');
	t.is(handshakes(site), 0, 'nothing has reached the BMC');

	const approved = await site.ask('hso-operator', 'POST', `/p2c/v1/requests/${id}/approve`, {
		body: { digest: oem.Bimetal.Digest },
	});
	t.like(approved.json, { state: 'approved', needs: [], clause: 'HSO and CP', method: 'WEBSOCKET' });
	t.is((await site.at('cp-operator')('GET', String(asked.headers.location))).status, 202);
	t.is(handshakes(site), 0, 'it is opened by a person who is there');

	t.is((await openAs(t, site, 'cp-two')).status, 202, 'who did not ask for it, asks');
	const opened = await openAs(t, site, 'cp-operator');
	t.is(opened.status, 101);
	opened.socket.send('\r');
	await opened.until('node1 login: ');
	opened.socket.send('root\r');
	await opened.until('Password: ');
	t.is((await openAs(t, site, 'cp-operator')).status, 202, 'an approval serves once');

	const seen = (await site.ask('hso-two', 'GET', '/p2c/v1/consoles')).json.consoles;
	t.is(seen.length, 1);
	t.notThrows(() => consoleView.parse(seen[0]));
	t.like(seen[0], {
		state: 'open',
		kind: 'serial',
		operator: { name: 'cp-operator', party: 'CP' },
		consent: ['CP', 'HSO'],
		approvedBy: [{ name: 'hso-operator', party: 'HSO' }],
		requestId: id,
		bytesIn: 6,
	});
	t.is((await site.ask('cp-operator', 'GET', `/p2c/v1/requests/${id}`)).json.state, 'executed');

	opened.socket.close();
	await opened.closed;
	await allEnded(site);
	const [open] = records(site, 'open');
	t.like(open, { operator: 'cp-operator', clause: 'HSO and CP', requestId: id, path: '/console0' });
	const [end] = records(site, 'end');
	t.like(end, { bytesIn: 6, reason: 'the operator closed it', endedBy: null, transcript: null });
	t.deepEqual(
		site.consoles.map(({ state }) => state),
		['open', 'ended'],
	);
	t.deepEqual(site.bmcs.node1.consoles.open(), { '/console0': 0 });
});

test.serial(
	'the approval is of this BMC, this path and this operator, and is given up after executeWithin',
	async t => {
		const site = await start(t);
		const asked = await openAs(t, site, 'cp-operator');
		const body = { digest: asked.json.Oem.Bimetal.Digest };
		const review = await site.ask('hso-operator', 'GET', `/p2c/v1/requests/${asked.json.Id}/review`);
		t.is(review.status, 200, review.text);
		await site.ask('hso-operator', 'POST', `/p2c/v1/requests/${asked.json.Id}/approve`, { body });
		t.is((await openAs(t, site, 'cp-operator', '/console/default')).status, 202);
		t.is((await openConsole(t, site.ca, 'cp-operator', `${site.bmcUrls.node2}/console0`)).status, 202);
		site.clock.advance(5 * 60_000);
		const state = async () =>
			(await site.ask('cp-operator', 'GET', `/p2c/v1/requests/${asked.json.Id}`)).json.state;
		await eventually(async () => (await state()) === 'expired');
		const late = await openAs(t, site, 'cp-operator');
		t.is(late.status, 202);
		t.not(late.json.Id, asked.json.Id);
		t.like((await site.ask('cp-operator', 'GET', `/p2c/v1/requests/${asked.json.Id}`)).json, {
			state: 'expired',
			ended: { reason: 'it was approved, and not opened in time' },
		});
		t.is(handshakes(site), 0);
	},
);

test.serial('what was approved can be denied until it is opened, and withdrawn', async t => {
	const site = await start(t);
	for (const [who, verb] of [
		['hso-two', 'deny'],
		['cp-operator', 'withdraw'],
	] as const) {
		const asked = await openAs(t, site, 'cp-operator');
		const at = `/p2c/v1/requests/${asked.json.Id}`;
		await site.ask('hso-operator', 'POST', `${at}/approve`, {
			body: { digest: asked.json.Oem.Bimetal.Digest },
		});
		t.is((await site.ask(who, 'POST', `${at}/${verb}`, { body: { reason: 'not now' } })).status, 200);
		t.is((await openAs(t, site, 'cp-operator')).status, 202);
		const next = await openAs(t, site, 'cp-operator');
		await site.ask('cp-operator', 'POST', `/p2c/v1/requests/${next.json.Id}/withdraw`, { body: {} });
	}
	t.is(handshakes(site), 0);
});

test.serial('policies and people are looked at again when it opens', async t => {
	const site = await start(t);
	const asked = await openAs(t, site, 'cp-operator');
	await site.ask('hso-operator', 'POST', `/p2c/v1/requests/${asked.json.Id}/approve`, {
		body: { digest: asked.json.Oem.Bimetal.Digest },
	});
	site.proxy.usePolicies({ ...site.policies, version: 'f'.repeat(64) });
	const refused = await openAs(t, site, 'cp-operator');
	t.is(refused.status, 403);
	t.regex(refused.json.error.message, /policies have changed/);
	t.is(handshakes(site), 0);
});

test.serial(
	'those who agreed watch from the start of what is kept, cannot type, and end it with a reason',
	async t => {
		const site = await start(t);
		const { socket, until, closed, id } = await openAgreed(t, site);
		socket.send('\r');
		await until('login: ');
		const watcher = await watchAs(t, site, 'hso-operator', id);
		t.is(watcher.status, 101);
		await watcher.until('node1 login: ');
		socket.send('bob');
		await watcher.until('bob');
		t.is((await site.ask('cp-operator', 'GET', `/p2c/v1/consoles/${id}`)).json.watchers, 1);

		const typist = await watchAs(t, site, 'hso-two', id);
		typist.socket.send('x');
		t.deepEqual(await typist.closed, { code: 1008, reason: 'who watches does not type' });
		t.is((await site.ask('hso-operator', 'GET', `/p2c/v1/consoles/${id}`)).json.bytesIn, 4);

		const unreasoned = await site.ask('hso-operator', 'DELETE', `/p2c/v1/consoles/${id}`, { body: {} });
		t.is(unreasoned.status, 400);
		const ended = await site.ask('hso-operator', 'DELETE', `/p2c/v1/consoles/${id}`, {
			body: { reason: 'wrong machine' },
		});
		t.like(ended.json, {
			state: 'ended',
			ended: { by: { name: 'hso-operator', party: 'HSO' }, reason: 'wrong machine' },
		});
		t.deepEqual(await closed, { code: 4002, reason: 'wrong machine' });
		t.is((await watcher.closed).code, 4002);
		t.true((await watcher.until('ended')).includes('[bimetal: ended: wrong machine]'));
		await eventually(() => records(site, 'unwatch').length === 2);
		t.like(records(site, 'end')[0], {
			endedBy: { operator: 'hso-operator', party: 'HSO' },
			reason: 'wrong machine',
		});
		t.deepEqual(
			records(site, 'watch').map(record => record.kind === 'console-session' && record.operator),
			['hso-operator', 'hso-two'],
		);
		const again = await site.ask('hso-operator', 'DELETE', `/p2c/v1/consoles/${id}`, {
			body: { reason: 'x' },
		});
		t.like(again.json, { status: 409, code: 'ConsoleEnded' });
		t.is((await watchAs(t, site, 'hso-operator', id)).status, 409);
		t.is((await watchAs(t, site, 'hso-operator', 'c00000000000000000')).status, 404);
		t.is((await site.ask('hso-operator', 'GET', '/p2c/v1/consoles/c1')).status, 404);
		t.is((await site.ask(null, 'GET', '/p2c/v1/consoles')).status, 401);
	},
);

test.serial(
	'it ends with the log-in, the operator, the policies, the BMC, by time, and with the proxy',
	async t => {
		const site = await start(t, { consoles: { idleTimeout: '1m', lifetime: '80s' } });
		const session = async (who: string) => {
			const login = await site.ask(null, 'POST', '/redfish/v1/SessionService/Sessions', {
				body: { UserName: who, Password: `pw-${who}` },
			});
			const token = String(login.headers['x-auth-token']);
			return { token, location: String(login.headers.location) };
		};
		const { token, location } = await session('cp-operator');
		const media = await openAs(t, site, { token }, '/vm/0/0');
		t.is(media.status, 101);
		t.is((await site.ask({ token }, 'DELETE', location)).status, 204);
		t.deepEqual(await media.closed, { code: 4003, reason: 'the log-in has ended' });

		const idle = await openAs(t, site, 'cp-operator', '/vm/0/0');
		site.clock.advance(61_000);
		t.deepEqual(await idle.closed, { code: 4001, reason: 'nothing was sent for 60 s' });

		const long = await openAs(t, site, 'cp-operator', '/vm/0/0');
		const typed = async () =>
			(await site.ask('cp-operator', 'GET', '/p2c/v1/consoles')).json.consoles.at(-1).bytesIn;
		for (let i = 1; i <= 3; i++) {
			long.socket.send('N');
			await eventually(async () => (await typed()) === i);
			site.clock.advance(30_000);
		}
		t.deepEqual(await long.closed, { code: 4001, reason: 'the longest time for a session is over' });

		const restarted = await openAs(t, site, 'cp-operator', '/vm/0/0');
		site.bmcs.node1.fault({ down: true });
		t.is((await restarted.closed).code, 1000);
		site.bmcs.node1.fault({});

		const governed = await openAs(t, site, 'cp-operator', '/vm/0/0');
		t.is(governed.status, 101);
		const operations = site.policies.operations.map(operation =>
			operation.name === 'Attach virtual media'
				? { ...operation, authorization: { ...operation.authorization, closed: true } }
				: operation,
		);
		site.proxy.usePolicies({ ...site.policies, operations, version: 'e'.repeat(64) });
		t.regex((await governed.closed).reason, /^it would be denied now: "Attach virtual media" is closed/);
		site.proxy.usePolicies(site.policies);

		const last = await openAs(t, site, 'cp-operator', '/vm/0/0');
		const closing = site.proxy.close();
		t.deepEqual(await last.closed, { code: 1001, reason: 'the proxy is shutting down' });
		site.clock.advance(3000); // for what clients keep open
		await closing;
		t.is(records(site, 'end').length, records(site, 'open').length);
	},
);

test.serial('no more of them at one BMC than the site allows', async t => {
	const site = await start(t, { consoles: { perBmc: 1 } });
	const first = await openAs(t, site, 'cp-operator', '/vm/0/0');
	t.is(first.status, 101);
	const second = await openAs(t, site, 'cp-operator', '/vm/1/0');
	t.is(second.status, 503);
	t.regex(second.json.error.code, /ConsolesFull$/);
	first.socket.close();
	await allEnded(site);
	t.is((await openAs(t, site, 'cp-operator', '/vm/0/0')).status, 101);
});

test.serial('a console that the BMC does not open is not open, and its approval is used up', async t => {
	const site = await start(t);
	const refused = await openAs(t, site, 'cp-operator', '/vm/9/9');
	t.is(refused.status, 502);
	t.regex(refused.json.error.code, /ConsoleRefused$/);
	site.bmcs.node1.fault({ down: true });
	t.is((await openAs(t, site, 'cp-operator', '/vm/0/0')).status, 502);
	t.is(records(site, 'open').length, 0);
	t.is((await site.ask('cp-operator', 'GET', '/p2c/v1/consoles')).json.consoles.length, 0);
});

test.serial('without an audit log nothing is opened', async t => {
	const site = await start(t);
	t.is((await site.at('cp-operator')('GET', '/redfish/v1/Systems')).status, 200);
	site.breakAudit();
	t.is((await openAs(t, site, 'cp-operator', '/vm/0/0')).status, 503);
	t.is(handshakes(site), 0);
});
