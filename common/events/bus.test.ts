import { type EventEmitter, once } from 'node:events';
import { connect } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import mqtt, { type IClientOptions } from 'mqtt';
import { z } from 'zod';
import { systemClock } from '../clock.ts';
import { silentLogger } from '../log/logger.ts';
import { createRegistry } from '../metrics/registry.ts';
import { type BrokerUser, startBroker } from './broker.ts';
import { connectEvents, type EventBusOptions } from './bus.ts';

const PASSWORD = 'correct-horse-battery';
const users: readonly BrokerUser[] = [
	{ name: 'pdu', password: PASSWORD, publish: ['bimetal/pdu/outlets/+'], subscribe: [] },
	{
		name: 'proxy',
		password: PASSWORD,
		publish: ['bimetal/proxy/#'],
		subscribe: ['bimetal/pdu/#', 'bimetal/proxy/#'],
	},
];
const outlet = z.strictObject({ Id: z.string(), Power: z.number() });

async function start(t: ExecutionContext, options: Partial<Parameters<typeof startBroker>[0]> = {}) {
	const broker = await startBroker({ host: '127.0.0.1', port: 0, users, ...options });
	t.teardown(() => broker.close());
	return broker;
}

function join(t: ExecutionContext, url: string, username: string, options: Partial<EventBusOptions> = {}) {
	const bus = connectEvents({
		url,
		username,
		password: PASSWORD,
		logger: silentLogger,
		clock: systemClock,
		...options,
	});
	t.teardown(() => bus.close());
	return bus;
}

/** A queue between a handler and a test that awaits what it got. */
function inbox<T>() {
	const messages: T[] = [];
	let wake: () => void = () => undefined;
	return {
		push(message: T): void {
			messages.push(message);
			wake();
		},
		async next(): Promise<T> {
			for (;;) {
				const message = messages.shift();
				if (message !== undefined) return message;
				await new Promise<void>(resolve => {
					wake = resolve;
				});
			}
		},
	};
}

test('messages reach whoever subscribed; malformed ones are counted and dropped', async t => {
	const { url } = await start(t);
	const registry = createRegistry({ service: 'test' });
	const [pdu, proxy] = [join(t, url, 'pdu'), join(t, url, 'proxy', { registry })];
	await Promise.all([pdu.ready(), proxy.ready()]);
	const got = inbox<unknown>();
	const failing = proxy.subscribe('bimetal/pdu/#', z.unknown(), () => {
		throw new Error('the handler is broken');
	});
	const reading = proxy.subscribe('bimetal/pdu/outlets/+', outlet, (payload, { topic, retained }) =>
		got.push({ payload, topic, retained }),
	);
	await Promise.all([failing.ready, reading.ready]);
	await pdu.publish('bimetal/pdu/outlets/1', { Id: '1', Power: 'lots' });
	await pdu.publish('bimetal/pdu/outlets/2', { Id: '2', Power: 110 });
	t.deepEqual(await got.next(), {
		payload: { Id: '2', Power: 110 },
		topic: 'bimetal/pdu/outlets/2',
		retained: false,
	});
	t.is(proxy.dropped(), 1);
	t.regex(await registry.metrics(), /bimetal_events_dropped_total\{service="test"\} 1/);
	reading.end();
	await t.throwsAsync(pdu.publish('bimetal/+/x', 1), { code: 'TopicInvalid' });
	t.throws(() => proxy.subscribe('a/#/b', outlet, () => undefined), { code: 'TopicInvalid' });
});

test('strangers, wrong passwords and other users’ client ids are refused', async t => {
	const { url } = await start(t);
	await t.throwsAsync(join(t, url, 'pdu', { password: 'wrong-horse-battery' }).ready(), {
		code: 'EventsRefused',
	});
	await t.throwsAsync(join(t, url, 'nobody').ready(), { code: 'EventsRefused' });
	const impostors: IClientOptions[] = [
		{ username: 'pdu', password: PASSWORD, clientId: 'proxy/1' },
		{ username: 'pdu', password: PASSWORD, clientId: 'pdu' },
		{ clientId: 'pdu/1' },
	];
	for (const options of impostors) {
		const client = mqtt.connect(url, { ...options, protocolVersion: 4, reconnectPeriod: 0 });
		t.teardown(() => client.end(true));
		const [error] = (await once(client as unknown as EventEmitter, 'error')) as [Error];
		t.regex(error.message, /refused/);
	}
});

test('publishing and subscribing outside the access list is refused', async t => {
	const { url } = await start(t);
	const [pdu, proxy] = [join(t, url, 'pdu'), join(t, url, 'proxy')];
	await Promise.all([pdu.ready(), proxy.ready()]);
	const got = inbox<{ topic: string }>();
	const reading = proxy.subscribe('bimetal/proxy/#', z.unknown(), (_payload, message) => got.push(message));
	await reading.ready;
	await t.throwsAsync(pdu.publish('bimetal/proxy/forged/1', {}), { code: 'EventsUnavailable' });
	await proxy.publish('bimetal/proxy/real/1', {});
	t.is((await got.next()).topic, 'bimetal/proxy/real/1', 'the forged one was not delivered');
	const tooMuch = proxy.subscribe('#', z.unknown(), () => undefined);
	await t.throwsAsync(tooMuch.ready, { code: 'EventsRefused' });
	await pdu.ready();
	t.pass('refused, it connected again');
});

test('after a restart of the broker everybody is back, with their subscriptions', async t => {
	const first = await start(t);
	const [pdu, proxy] = [join(t, first.url, 'pdu'), join(t, first.url, 'proxy')];
	const got = inbox<unknown>();
	const reading = proxy.subscribe('bimetal/pdu/outlets/+', outlet, payload => got.push(payload));
	await Promise.all([pdu.ready(), reading.ready]);
	const gone = Promise.all([pdu, proxy].map(lost));
	await first.close();
	await gone;
	t.false(pdu.connected());
	await t.throwsAsync(pdu.publish('bimetal/pdu/outlets/1', {}), { code: 'EventsUnavailable' });
	await start(t, { port: first.port });
	await Promise.all([pdu.ready(), proxy.ready()]);
	const again = proxy.subscribe('bimetal/pdu/outlets/+', outlet, () => undefined);
	await again.ready; // granted after the one that was asked for again
	await pdu.publish('bimetal/pdu/outlets/1', { Id: '1', Power: 1 });
	t.deepEqual(await got.next(), { Id: '1', Power: 1 });
});

test('connections over the limit, and packets over it, are cut off', async t => {
	const broker = await start(t, { connections: 1, packetLimit: 1000 });
	const stranger = connect(broker.port, '127.0.0.1');
	stranger.on('error', () => undefined);
	const cut = once(stranger, 'close');
	stranger.write(Buffer.from([0x10, 0xff, 0xff, 0x7f, 0, 0]));
	await cut;
	const pdu = join(t, broker.url, 'pdu');
	await pdu.ready();
	const second = connect(broker.port, '127.0.0.1');
	second.on('error', () => undefined);
	await once(second, 'close');
	await t.throwsAsync(pdu.publish('bimetal/pdu/outlets/1', 'x'.repeat(2000)), { code: 'EventsUnavailable' });
	await broker.close();
	t.is(broker.connections(), 0);
});

test('a broker that nobody could trust does not start', async t => {
	const user = (change: Partial<BrokerUser>) => [
		{ name: 'a', password: PASSWORD, publish: [], subscribe: [], ...change },
	];
	const refused = (options: Partial<Parameters<typeof startBroker>[0]>) =>
		t.throwsAsync(startBroker({ host: '127.0.0.1', port: 0, users, ...options }), { code: 'BrokerInvalid' });
	await refused({ users: user({ password: 'short' }) });
	await refused({ users: user({ name: 'a/b' }) });
	await refused({ users: [...user({}), ...user({})] });
	await refused({ users: user({ publish: ['a/#/b'] }) });
	await refused({ host: '0.0.0.0' });
	const { port } = await start(t);
	await t.throwsAsync(startBroker({ host: '127.0.0.1', port, users }), { code: 'PortTaken' });
});

async function lost(bus: { connected(): boolean }): Promise<void> {
	while (bus.connected()) await new Promise(resolve => setImmediate(resolve));
}
