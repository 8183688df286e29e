import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import type { z } from 'zod';
import { FakeClock } from '../../common/clock.ts';
import type { EventBus } from '../../common/events/bus.ts';
import { silentLogger } from '../../common/log/logger.ts';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { externalSources } from './external-source.ts';
import { createExternalSources } from './external-sources.ts';
import type { FetchRedfish } from './redfish.ts';

const targets = ['node1', 'node2', 'node3'];
const SERVERS = {
	from: 'redfish',
	path: '/redfish/v1/Systems/system',
	fields: {
		Name: { target: true },
		State: { path: '$.PowerState', values: { On: 'Up' }, otherwise: 'Down' },
	},
	maxAge: '5s',
};
const PDU = {
	from: 'mqtt',
	topic: 'bimetal/pdu/outlets/+',
	expect: 2,
	under: 'Outlets',
	fields: { Id: '$.Id', Power: { path: '$.PowerWatts', type: 'number' } },
	maxAge: '10s',
};

/** A bus whose messages the test sends by hand. */
function handBus() {
	const handlers: ((topic: string, payload: JsonValue, retained: boolean) => void)[] = [];
	const bus = {
		subscribe<T>(
			_pattern: string,
			schema: z.ZodType<T>,
			handler: (payload: T, message: { topic: string; retained: boolean }) => void,
		) {
			const receive = (topic: string, payload: JsonValue, retained: boolean) =>
				handler(schema.parse(payload), { topic, retained });
			handlers.push(receive);
			return { ready: Promise.resolve(), end: () => handlers.splice(handlers.indexOf(receive), 1) };
		},
	} as unknown as EventBus;
	const send = (id: string, watts: JsonValue, retained = false) => {
		for (const receive of handlers)
			receive(`bimetal/pdu/outlets/${id}`, { Id: id, PowerWatts: watts }, retained);
	};
	return { bus, send, listeners: () => handlers.length };
}

function start(
	declared: Record<string, unknown>,
	fetchRedfish: FetchRedfish = async () => ({ PowerState: 'On' }),
) {
	const clock = new FakeClock();
	const { bus, send, listeners } = handBus();
	const sources = externalSources('.').parse(declared);
	const external = createExternalSources({
		sources,
		targets,
		fetchRedfish,
		events: bus,
		clock,
		logger: silentLogger,
	});
	const read = async (name: string) => (await external.read([name]))[name];
	return { external, read, clock, send, listeners };
}

/** A fetch whose answers the test gives by hand. */
function handFetch() {
	const calls: {
		target: string;
		signal: AbortSignal;
		answer: (json: JsonValue) => void;
		fail: (error: Error) => void;
	}[] = [];
	const fetch: FetchRedfish = (target, _path, signal) =>
		new Promise((answer, fail) => {
			calls.push({ target, signal, answer, fail });
		});
	const answerAll = (state: string) => {
		for (const call of calls.splice(0)) call.answer({ PowerState: state });
	};
	return { fetch, calls, answerAll };
}

const states = (value: unknown): string[] =>
	((value as { value?: { State: string }[] }).value ?? []).map(({ State }) => State);

test('redfish: one object for each BMC, in their order, frozen', async t => {
	const { read, clock } = start({ Servers: SERVERS }, async target => ({
		PowerState: target === 'node2' ? 'Off' : 'On',
	}));
	const servers = await read('Servers');
	t.deepEqual(servers, {
		status: 'fresh',
		value: [
			{ Name: 'node1', State: 'Up' },
			{ Name: 'node2', State: 'Down' },
			{ Name: 'node3', State: 'Up' },
		],
		asOf: clock.now(),
	});
	t.true(Object.isFrozen(servers) && servers?.status === 'fresh' && Object.isFrozen(servers.value));
});

test('redfish: a young value is given again, an old one is fetched anew, its age counts from the beginning', async t => {
	const { fetch, calls, answerAll } = handFetch();
	const { read, clock } = start({ Servers: SERVERS }, fetch);
	const first = read('Servers');
	await setImmediate();
	clock.advance(1000); // the answer takes a second
	answerAll('On');
	await first;
	clock.advance(4000);
	t.deepEqual(states(await read('Servers')), ['Up', 'Up', 'Up']);
	t.is(calls.length, 0);
	clock.advance(1);
	const second = read('Servers');
	await setImmediate();
	t.is(calls.length, 3);
	answerAll('Off');
	t.deepEqual(states(await second), ['Down', 'Down', 'Down']);
});

test('redfish: readers at the same time share a fetch; a reader after an invalidation does not', async t => {
	const { fetch, calls, answerAll } = handFetch();
	const { external, read } = start({ Servers: SERVERS }, fetch);
	const early = [read('Servers'), read('Servers')];
	await setImmediate();
	t.is(calls.length, 3);
	const old = calls.splice(0);
	external.invalidate();
	const late = read('Servers');
	await setImmediate();
	t.is(calls.length, 3, 'asked again');
	answerAll('Off');
	t.deepEqual(states(await late), ['Down', 'Down', 'Down']);
	for (const call of old) call.answer({ PowerState: 'On' });
	for (const result of await Promise.all(early)) t.deepEqual(states(result), ['Up', 'Up', 'Up']);
	t.deepEqual(
		states(await read('Servers')),
		['Down', 'Down', 'Down'],
		'the late answer did not replace the newer',
	);
	external.invalidate('Other');
	t.is(calls.length, 0);
	external.invalidate('Servers');
	const third = read('Servers');
	await setImmediate();
	answerAll('On');
	t.deepEqual(states(await third), ['Up', 'Up', 'Up']);
});

test('redfish: one BMC that fails, hangs or answers garbage spoils the value, unless the site says what it counts as', async t => {
	const tolerant = { ...SERVERS, whenUnreachable: { State: 'Down' } };
	const garbage: JsonValue[] = [{}, [], null, 'x', { PowerState: { On: 1 } }];
	for (const answer of garbage) {
		const fetch: FetchRedfish = async target => (target === 'node2' ? answer : { PowerState: 'On' });
		const { read } = start({ Strict: SERVERS, Tolerant: tolerant }, fetch);
		const strict = await read('Strict');
		const { PowerState } = (answer ?? {}) as { PowerState?: JsonValue };
		if (PowerState === undefined)
			t.regex(strict?.status === 'unavailable' ? strict.reason : '', /^node2: State: /);
		t.deepEqual(states(await read('Tolerant')), ['Up', 'Down', 'Up']);
	}
	const { fetch, calls } = handFetch();
	const { read, clock } = start({ Strict: SERVERS, Tolerant: tolerant }, fetch);
	const both = Promise.all([read('Strict'), read('Tolerant')]);
	await setImmediate();
	for (const call of calls) {
		if (call.target === 'node1') call.fail(new Error('connection refused'));
		if (call.target === 'node2') call.answer({ PowerState: 'On' });
	}
	clock.advance(2000);
	const [strict, lenient] = await both;
	t.deepEqual(strict, { status: 'unavailable', reason: 'node1: connection refused' });
	t.deepEqual(states(lenient), ['Down', 'Up', 'Down']);
	t.true(
		calls.filter(({ target }) => target === 'node3').every(({ signal }) => signal.aborted),
		'told to end',
	);
});

test('redfish: only the targets that the source names; unknown ones are refused at the start', async t => {
	const { read } = start({ Servers: { ...SERVERS, targets: ['node3'] } });
	t.deepEqual(states(await read('Servers')), ['Up']);
	t.throws(() => start({ Servers: { ...SERVERS, targets: ['node9'] } }), { message: /no BMC named node9/ });
});

test('a name that is not declared, and a closed source, are unavailable', async t => {
	const { external, read, listeners } = start({ Servers: SERVERS, PDU });
	t.like(await read('Weather'), { status: 'unavailable' });
	t.like(await read('constructor'), { status: 'unavailable' });
	external.close();
	t.like(await read('Servers'), { status: 'unavailable', reason: 'the source is closed' });
	t.like(await read('PDU'), { status: 'unavailable' });
	t.is(listeners(), 0);
});

test('closing ends a read that is under way', async t => {
	const { fetch, calls } = handFetch();
	const { external, read } = start({ Servers: SERVERS }, fetch);
	const reading = read('Servers');
	await setImmediate();
	external.close();
	t.like(await reading, { status: 'unavailable' });
	t.true(calls.every(({ signal }) => signal.aborted));
});

test('mqtt: the newest reading of every outlet, once all that are expected have been heard', async t => {
	const { read, clock, send } = start({ PDU });
	t.like(await read('PDU'), { status: 'unavailable' });
	send('2', 110);
	t.deepEqual(await read('PDU'), {
		status: 'unavailable',
		reason: 'heard from 1 of 2 topics of bimetal/pdu/outlets/+',
	});
	send('1', 500, true);
	t.like(await read('PDU'), { status: 'unavailable' }, 'a retained message is of unknown age');
	const asOf = clock.now();
	clock.advance(1000);
	send('1', 90);
	t.deepEqual(await read('PDU'), {
		status: 'fresh',
		value: {
			Outlets: [
				{ Id: '1', Power: 90 },
				{ Id: '2', Power: 110 },
			],
		},
		asOf,
	});
});

test('mqtt: an outlet that falls silent, or sends garbage, makes the source unavailable', async t => {
	const { read, clock, send } = start({ PDU });
	send('1', 90);
	clock.advance(9000);
	send('2', 110);
	clock.advance(1001);
	t.deepEqual(await read('PDU'), {
		status: 'unavailable',
		reason: 'bimetal/pdu/outlets/1: the newest message is 10001 ms old',
	});
	send('1', 'lots');
	t.regex(JSON.stringify(await read('PDU')), /outlets\/1: Power: .* is not a number/);
	send('1', 91);
	t.like(await read('PDU'), { status: 'fresh' });
});

test('mqtt: without an expected number, a pattern is listened to for its maximum age first', async t => {
	const { expect: _, ...declared } = PDU;
	const { read, clock, send } = start({ PDU: declared });
	send('1', 90);
	t.like(await read('PDU'), { status: 'unavailable' });
	clock.advance(10_000);
	t.like(await read('PDU'), { status: 'fresh' });
});

test('mqtt: after an operation a read waits for every outlet’s next reading, but not for ever', async t => {
	const { external, read, clock, send } = start({ PDU });
	for (const id of ['1', '2']) send(id, 100);
	external.invalidate();
	const reading = read('PDU');
	send('1', 300);
	await setImmediate();
	send('2', 100);
	t.like(await reading, { status: 'fresh', value: { Outlets: [{ Power: 300 }, { Power: 100 }] } });
	external.invalidate();
	const late = read('PDU');
	send('1', 300);
	await setImmediate();
	clock.advance(5000);
	t.deepEqual(await late, {
		status: 'unavailable',
		reason: 'bimetal/pdu/outlets/2: nothing new since the last operation',
	});
});
