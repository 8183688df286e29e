// Events pushed by the proxy to receivers of two parties, over TLS.

import type { IncomingHttpHeaders } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import { createAuthority, issueServerCertificate } from '../../common/identity/site-ca.ts';
import { createRoster } from '../../proxy/authenticate/roster.ts';
import { createDestinationGuard } from '../../proxy/events/destination-guard.ts';
import { openSubscriptions } from '../../proxy/events/subscriptions.ts';
import { basicOf, follow } from './follow.ts';
import { entries, loadShipped, parties, startTestProxy, type TestProxy } from './start-proxy.ts';

const service = '/redfish/v1/EventService';
const collection = `${service}/Subscriptions`;

interface Receiver {
	readonly url: string;
	readonly port: number;
	/** What came and nobody has taken. */
	// biome-ignore lint/suspicious/noExplicitAny: tests look into events of every shape
	next(): Promise<{ path: string; headers: IncomingHttpHeaders; json: any }>;
	readonly waiting: () => number;
	/** Answers with this status from now on. */
	status: number;
	redirect: string | undefined;
	requests: number;
	close(): Promise<void>;
}

async function startReceiver(tls: { certificatePem: string; keyPem: string }): Promise<Receiver> {
	const came: Awaited<ReturnType<Receiver['next']>>[] = [];
	const waiting: ((one: Awaited<ReturnType<Receiver['next']>>) => void)[] = [];
	const server: Server = createServer({ cert: tls.certificatePem, key: tls.keyPem }, (request, response) => {
		let text = '';
		request.setEncoding('utf8').on('data', (chunk: string) => {
			text += chunk;
		});
		request.on('end', () => {
			receiver.requests++;
			if (receiver.redirect) return void response.writeHead(307, { location: receiver.redirect }).end();
			response.writeHead(receiver.status).end();
			if (receiver.status >= 300) return;
			const one = { path: request.url ?? '', headers: request.headers, json: JSON.parse(text) };
			const first = waiting.shift();
			if (first) first(one);
			else came.push(one);
		});
	});
	await new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()));
	const { port } = server.address() as AddressInfo;
	const receiver: Receiver = {
		url: `https://localhost:${port}`,
		port,
		next: () => {
			const one = came.shift();
			return one ? Promise.resolve(one) : new Promise(resolve => waiting.push(resolve));
		},
		waiting: () => came.length,
		status: 204,
		redirect: undefined,
		requests: 0,
		close: () =>
			new Promise(resolve => {
				server.close(() => resolve());
				server.closeAllConnections();
			}),
	};
	return receiver;
}

let site: TestProxy;
let hso: Receiver;
let cp: Receiver;
const opened: (() => unknown)[] = [];
test.before(async () => {
	const authority = await createAuthority({ name: 'receivers', clock: { now: () => Date.now() } as never });
	const tls = await issueServerCertificate({
		authority,
		names: ['localhost'],
		addresses: ['127.0.0.1'],
		clock: { now: () => Date.now() } as never,
	});
	[hso, cp] = await Promise.all([startReceiver(tls), startReceiver(tls)]);
	opened.push(
		() => hso.close(),
		() => cp.close(),
	);
	const line = (port: number) => ({
		host: 'localhost',
		networks: ['127.0.0.0/8', '::1/128'],
		ports: [port],
		security: 'https' as const,
		ca: authority.certificatePem,
	});
	site = await startTestProxy({
		streams: { subscriptions: 3 },
		destinations: { HSO: [line(hso.port)], CP: [line(cp.port), { ...line(hso.port), ca: undefined }] },
	});
	opened.push(() => site.close());
});
test.after.always(async () => {
	for (const close of opened.reverse()) await close();
});
test.afterEach.always(async () => {
	site.proxy.useRoster(createRoster(entries, parties));
	for (const who of ['hso-operator', 'cp-operator']) {
		for (const { '@odata.id': path } of (await site.at(who)('GET', collection)).json.Members)
			await site.at(who)('DELETE', path);
	}
	for (const receiver of [hso, cp]) {
		Object.assign(receiver, { status: 204, redirect: undefined });
		while (receiver.waiting() > 0) await receiver.next();
	}
	site.bmcs.node1.press('On');
	site.records.length = 0;
});

const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
	while (!(await holds())) await new Promise(resolve => setImmediate(resolve));
};
const subscribe = (who: string, to: Receiver, more: object = {}) =>
	site.at(who)('POST', collection, {
		body: { Destination: `${to.url}/hook`, Protocol: 'Redfish', Context: `for ${who}`, ...more },
	});
const listening = () => until(() => site.bmcs.node1.listeners() === 1);

test.serial('each party gets its own view pushed, and sees its own subscriptions alone', async t => {
	const before = site.spies.node1.received().split(`GET ${service}/SSE`).length;
	const secret = { HttpHeaders: [{ Authorization: 'Bearer hook-secret-1' }, { 'X-Key': 'hook-secret-2' }] };
	const made = await subscribe('hso-operator', hso, secret);
	t.is(made.status, 201);
	const path = String(made.headers.location);
	t.is(made.json['@odata.id'], path);
	t.is((await subscribe('cp-operator', cp, secret)).status, 201);
	await listening();

	site.bmcs.node1.press('ForceOff');
	site.bmcs.node1.press('On');
	site.bmcs.node1.press('Nmi');
	const forHso = await hso.next();
	t.is(forHso.path, '/hook');
	t.is(forHso.headers.authorization, 'Bearer hook-secret-1');
	t.is(forHso.headers['x-key'], 'hook-secret-2');
	t.is(forHso.json.Context, 'for hso-operator');
	t.is(forHso.json.Events[0].MessageSeverity, 'Critical');
	t.truthy(forHso.json.Events[0].Oem);
	const forCp = [await cp.next(), await cp.next(), await cp.next()];
	t.deepEqual(
		forCp.map(({ json }) => json.Events[0].MessageId.split('.').at(-1)),
		['HostPowerCut', 'HostPowerOn', 'NMIRaised'],
	);
	for (const { json } of forCp) t.is(json.Events[0].Oem, null);
	t.is(hso.waiting(), 0);
	t.is(site.spies.node1.received().split(`GET ${service}/SSE`).length, before + 1);

	const mine = await site.at('hso-two')('GET', path);
	t.is(mine.status, 200);
	t.deepEqual(mine.json.HttpHeaders, []);
	t.is((await site.at('cp-operator')('GET', path)).status, 404);
	t.is((await site.at('cp-operator')('DELETE', path)).status, 404);
	t.is((await site.at('hso-operator')('GET', collection)).json['Members@odata.count'], 1);
	const shown = JSON.stringify(site.records) + site.log.join('') + mine.whole + made.whole;
	t.notRegex(shown, /hook-secret/);
	const tag = { 'if-match': String(mine.headers.etag) };
	const patched = await site.at('hso-operator')('PATCH', path, { body: { Context: 'new' }, headers: tag });
	t.is(patched.json.Context, 'new');
	t.is((await site.at('hso-operator')('PATCH', path, { body: { Context: 'x' }, headers: tag })).status, 412);
	t.is((await site.at('hso-two')('DELETE', path)).status, 204);
	t.deepEqual(
		site.records.flatMap(record => (record.kind === 'events' ? [`${record.action} ${record.operator}`] : [])),
		['subscribe hso-operator', 'subscribe cp-operator', 'change hso-operator', 'unsubscribe hso-two'],
	);
	t.false(
		site.spies.node1.received().includes('EventService/Subscriptions'),
		'the BMC knows of none of them',
	);
});

test.serial('nothing is pushed to where the site file does not let the party push', async t => {
	const refused = async (who: string, Destination: string) => {
		const reply = await site.at(who)('POST', collection, { body: { Destination, Protocol: 'Redfish' } });
		t.is(reply.status, 403, Destination);
		t.regex(reply.text, /eventService\.destinations/);
	};
	await refused('hso-operator', `${cp.url}/`);
	await refused('hso-operator', `https://127.0.0.1:${hso.port}/`);
	await refused('hso-operator', `http://localhost:${hso.port}/`);
	for (const host of ['169.254.169.254', '[::1]', '0x7f.1', '[::ffff:127.0.0.1]', 'node1', 'localhost.'])
		await refused('cp-operator', `https://${host}/`);
	for (const Destination of ['file:///etc/passwd', 'https://user:pw@localhost/', '', 'gopher://localhost/']) {
		const reply = await site.at('cp-operator')('POST', collection, {
			body: { Destination, Protocol: 'Redfish' },
		});
		t.is(reply.status, 400, Destination);
	}
	for (const more of [
		{ Protocol: 'SNMPv2c' },
		{ Unheard: 1 },
		{ HttpHeaders: [{ Host: 'x' }] },
		{ HttpHeaders: [{ A: 'x\ny' }] },
	])
		t.is((await subscribe('cp-operator', cp, more)).status, 400);
	t.is((await site.at('hso-operator')('GET', collection)).json['Members@odata.count'], 0);
});

test.serial('a receiver whose certificate does not hold gets nothing, nor one that redirects', async t => {
	hso.requests = 0;
	const made = await subscribe('cp-operator', hso); // allowed, but its authority is not named
	await listening();
	site.bmcs.node1.press('Nmi');
	await until(
		async () =>
			(await site.at('cp-operator')('GET', String(made.headers.location))).json.Status.Health === 'Warning',
	);
	t.is(hso.requests, 0);
	cp.redirect = `${hso.url}/elsewhere`;
	const other = await subscribe('cp-operator', cp, { DeliveryRetryPolicy: 'SuspendRetries' });
	site.bmcs.node1.press('Nmi');
	await until(async () => {
		site.clock.advance(31_000);
		return (
			(await site.at('cp-operator')('GET', String(other.headers.location))).json.Status.State === 'Disabled'
		);
	});
	t.is(hso.requests, 0);
});

test.serial(
	'what cannot be delivered is tried again, then rests or ends, as the subscription says',
	async t => {
		cp.status = 500;
		const resting = await subscribe('cp-operator', cp, { DeliveryRetryPolicy: 'SuspendRetries' });
		const ending = await subscribe('cp-operator', cp, { DeliveryRetryPolicy: 'TerminateAfterRetries' });
		const path = String(resting.headers.location);
		const set = { DeliveryRetryAttempts: 2, DeliveryRetryIntervalSeconds: 5 };
		t.is((await site.at('cp-operator')('PATCH', service, { body: set })).status, 204);
		t.is((await site.at('cp-two')('GET', service)).json.DeliveryRetryAttempts, 2);
		t.is(
			(await site.at('hso-operator')('GET', service)).json.DeliveryRetryAttempts,
			3,
			'each party has its own',
		);
		await listening();
		cp.requests = 0;
		site.bmcs.node1.press('Nmi');
		await until(async () => {
			site.clock.advance(1000);
			return (await site.at('cp-operator')('GET', String(ending.headers.location))).status === 404;
		});
		await until(async () => {
			site.clock.advance(1000);
			return (await site.at('cp-operator')('GET', path)).json.Status.State === 'Disabled';
		});
		t.is(cp.requests, 6);
		cp.status = 204;
		t.is(
			(await site.at('cp-operator')('POST', `${path}/Actions/EventDestination.ResumeSubscription`)).status,
			204,
		);
		t.is((await cp.next()).json.Events[0].MessageId, 'Bimetal.1.0.EventsMissed');
		site.bmcs.node1.press('Nmi');
		t.regex((await cp.next()).json.Events[0].MessageId, /NMIRaised/);
		t.deepEqual(
			site.records
				.flatMap(record => (record.kind === 'events' && record.operator === null ? [record.action] : []))
				.sort(),
			['suspend', 'unsubscribe'],
		);
	},
);

test.serial('a subscriber gets what it asked for', async t => {
	await subscribe('cp-operator', cp, { MessageIds: ['OpenBMC.NMIRaised'], Severities: ['Critical'] });
	await listening();
	site.bmcs.node1.press('ForceOff');
	site.bmcs.node1.press('On');
	site.bmcs.node1.press('Nmi');
	t.regex((await cp.next()).json.Events[0].MessageId, /NMIRaised/);
	t.is(cp.waiting(), 0);
	t.is((await subscribe('cp-operator', cp)).status, 201);
	t.is((await subscribe('cp-operator', cp)).status, 201);
	t.is((await subscribe('cp-operator', cp)).status, 429);
});

test.serial('a test event reaches its own party’s subscribers and streams, and nobody else', async t => {
	await subscribe('cp-operator', cp);
	await subscribe('hso-operator', hso);
	const stream = await follow(`${site.bmcUrls.node1}${service}/SSE`, {
		ca: site.ca,
		headers: basicOf('cp-two'),
	});
	t.teardown(() => stream.close());
	await listening();
	const executed = site.bmcs.node1.executed.length;
	const body = { MessageId: 'Forged.1.0.Alarm', Message: 'only mine', Severity: 'Critical' };
	t.is(
		(await site.at('cp-operator')('POST', `${service}/Actions/EventService.SubmitTestEvent`, { body }))
			.status,
		204,
	);
	t.is((await cp.next()).json.Events[0].Message, 'only mine');
	t.is((await stream.next()).json.Events[0].Message, 'only mine');
	site.bmcs.node1.press('Nmi');
	t.regex((await hso.next()).json.Events[0].MessageId, /NMIRaised/);
	t.false(site.bmcs.node1.executed.slice(executed).some(({ path }) => path.includes('SubmitTestEvent')));
	const [, open] = (await site.at('cp-operator')('GET', collection)).json.Members;
	t.is((await site.at('cp-operator')('GET', open['@odata.id'])).json.SubscriptionType, 'SSE');
	t.is((await site.at('cp-operator')('DELETE', open['@odata.id'])).status, 204);
	await stream.ended;
});

test.serial(
	'when its operator is gone a subscription says so, delivers nothing, and can be deleted by its party',
	async t => {
		const path = String((await subscribe('cp-operator', cp)).headers.location);
		await listening();
		site.proxy.useRoster(
			createRoster(
				entries.filter(({ name }) => name !== 'cp-operator'),
				parties,
			),
		);
		await until(async () => (await site.at('cp-two')('GET', path)).json.Status.Health === 'Warning');
		site.bmcs.node1.press('Nmi');
		t.regex((await site.at('cp-two')('GET', path)).json.Oem.Bimetal.Trouble, /policies do not let/);
		t.is((await site.at('cp-two')('DELETE', path)).status, 204);
		t.is(cp.waiting(), 0);
	},
);

test.serial('the event service says what the proxy offers, and PATCH changes nothing at the BMC', async t => {
	const { json } = await site.at('hso-operator')('GET', service);
	t.is(json.ServerSentEventUri, `${service}/SSE`);
	t.true(json.SSEFilterPropertiesSupported.MessageId);
	const off = await site.at('hso-operator')('PATCH', service, { body: { ServiceEnabled: false } });
	t.is(off.status, 204);
	const onRecord = site.records.findLast(record => record.kind === 'decision' && record.method === 'PATCH');
	t.like(onRecord, { operator: 'hso-operator', request: { body: '{"ServiceEnabled":false}' } });
	t.is((await site.at('hso-operator')('GET', service)).json.Status.State, 'Disabled');
	t.is((await site.at('cp-operator')('GET', service)).json.Status.State, 'Enabled');
	t.is((await site.at('hso-operator')('PATCH', service, { body: { ServiceEnabled: true } })).status, 204);
	t.is((await site.at('hso-operator')('PATCH', service, { body: { ServiceEnabled: 'x' } })).status, 400);
	t.is((await site.at('hso-operator')('DELETE', service)).status, 405);
	t.false(site.spies.node1.received().includes(`PATCH ${service}`));
	await site.proxy.usePolicies(await loadShipped());
});

test.serial('subscriptions outlive the proxy, and are told that they missed something', async t => {
	const path = String(
		(await subscribe('cp-operator', cp, { HttpHeaders: [{ 'X-Key': 'kept' }] })).headers.location,
	);
	await listening();
	const { store, clock, log } = site;
	const again = await openSubscriptions({
		store,
		clock,
		guard: createDestinationGuard({
			CP: [{ networks: ['127.0.0.0/8', '::1/128'], ports: [cp.port], security: 'unverified' }],
		}),
		hubOf: () => ({
			join: () => ({ following: Promise.resolve(), leave: () => undefined }),
			tellParty: () => undefined,
			check: () => undefined,
			isFollowing: () => false,
			close: () => undefined,
		}),
		audit: { append: () => ({ seq: 0, durable: Promise.resolve() }) as never },
		logger: { warn: () => log.push('warned'), error: () => log.push('failed') } as never,
		perParty: 3,
		countDelivery: () => undefined,
	});
	t.teardown(() => again.close());
	const told = await cp.next();
	t.is(told.json.Events[0].MessageId, 'Bimetal.1.0.EventsMissed');
	t.is(told.headers['x-key'], 'kept');
	t.deepEqual(
		again.list('node1', 'CP').map(({ id }) => id),
		[path.split('/').at(-1)],
	);
	t.deepEqual(again.list('node1', 'HSO'), []);
});
