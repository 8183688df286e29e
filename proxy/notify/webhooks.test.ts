import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import type { Clock } from '../../common/clock.ts';
import { createRegistry } from '../../common/metrics/registry.ts';
import { createBench, hso } from '../approve/approve.fixture.ts';
import type { ConsoleDocument } from '../console/console-document.ts';
import { createWebhooks, signNotification, type Webhook } from './webhooks.ts';

const secret = 'shared with the receiver';

/** A receiver that answers one status after another, and webhooks that tell it. */
async function receiver(t: ExecutionContext, statuses: number[] = [], more: Partial<Webhook> = {}) {
	const seen: { headers: IncomingMessage['headers']; body: string; url: string }[] = [];
	const server = createServer((request, response) => {
		let body = '';
		request.on('data', chunk => (body += chunk));
		request.on('end', () => {
			seen.push({ headers: request.headers, body, url: request.url ?? '' });
			const status = statuses.shift() ?? 204;
			if (status === 0) request.socket.destroy();
			else response.writeHead(status, { location: '/elsewhere' }).end();
		});
	});
	await once(server.listen(0, '127.0.0.1'), 'listening');
	const waited: number[] = [];
	/** Pauses between attempts are over at once; no answer takes too long. */
	const clock: Clock = {
		now: () => Date.parse('2026-01-01T00:00:00Z'),
		elapsed: () => 0,
		after(ms, fn) {
			if (ms === 10_000) return () => undefined;
			waited.push(ms);
			const timer = setImmediate(fn);
			return () => clearImmediate(timer);
		},
	};
	const registry = createRegistry({ service: 'proxy' });
	const warnings: unknown[] = [];
	const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?key=hidden`;
	const hooks = createWebhooks({
		hooks: [{ url, secret, events: undefined, ...more }],
		clock,
		logger: { warn: (...args: unknown[]) => void warnings.push(args) },
		registry,
	});
	t.teardown(() => {
		hooks.close();
		server.closeAllConnections();
		server.close();
	});
	const counted = async (outcome: string) =>
		(await registry.metrics())
			.split('\n')
			.some(line => line.startsWith('bimetal_webhook_notifications_total') && line.includes(`"${outcome}"`));
	const until = async (isSo: () => unknown) => {
		while (!(await isSo())) await new Promise(resolve => setImmediate(resolve));
	};
	const bench = createBench();
	const request = await bench.hold(hso, undefined, { Password: 'in the body' });
	return { seen, hooks, waited, request, until, counted, warnings };
}

test('a change of state is told, signed over time and body, without what the request holds', async t => {
	const { seen, hooks, request, until } = await receiver(t);
	hooks.tell(request);
	await until(() => seen.length === 1);
	const [first] = seen;
	if (!first) return t.fail();
	const { headers, body } = first;
	const { at: _at, ...told } = JSON.parse(body);
	t.deepEqual(told, {
		event: 'waiting',
		id: request.id,
		bmc: 'node1',
		requester: hso,
		needs: [['CP']],
		digest: request.digest,
	});
	t.is(
		headers['bimetal-signature'],
		`v1=${signNotification(secret, String(headers['bimetal-timestamp']), body)}`,
	);
	t.not(signNotification(secret, '0', body), signNotification(secret, '1', body));
	t.false(JSON.stringify(seen).includes('in the body'));
	t.false(JSON.stringify(seen).includes(secret));
});

test('a console that opens and ends is told, to those alone who ask for it', async t => {
	const { seen, hooks, request, until } = await receiver(t, [], {
		events: ['console-open', 'console-ended'],
	});
	const operator = { name: 'cp-operator', party: 'CP' };
	const console: ConsoleDocument = {
		id: 'c01',
		state: 'open',
		bmc: 'node1',
		path: '/console0',
		kind: 'serial',
		operator,
		consent: ['CP', 'HSO'],
		approvedBy: [],
		operations: [],
		clause: 'HSO and CP',
		requestId: request.id,
		breakGlass: null,
		openedAt: 0,
		ended: null,
		bytesIn: 0,
		bytesOut: 0,
		recorded: false,
		transcript: null,
	};
	hooks.tell(request);
	hooks.tellConsole(console);
	hooks.tellConsole({ ...console, state: 'ended', ended: { by: null, reason: 'typed: secret', at: 1 } });
	await until(() => seen.length === 2);
	const told = seen.map(({ body }) => JSON.parse(body));
	t.deepEqual(
		told.map(({ event }) => event),
		['console-open', 'console-ended'],
	);
	t.like(told[0], {
		id: 'c01',
		bmc: 'node1',
		kind: 'serial',
		operator,
		consent: ['CP', 'HSO'],
		requestId: request.id,
	});
	t.false(JSON.stringify(seen).includes('typed'));
});

test('what fails is tried again, as the same delivery, and the order is kept', async t => {
	const { seen, hooks, request, until, counted, waited } = await receiver(t, [500, 0, 429]);
	hooks.tell(request);
	hooks.tell({ ...request, state: 'executed' });
	await until(() => seen.length === 5);
	t.deepEqual(
		seen.map(({ body }) => JSON.parse(body).event),
		['waiting', 'waiting', 'waiting', 'waiting', 'executed'],
	);
	t.is(new Set(seen.map(({ headers }) => headers['bimetal-delivery'])).size, 2);
	await until(() => counted('delivered'));
	t.true(await counted('retried'));
	t.deepEqual(waited, [1000, 5000, 30_000]);
});

test('what is refused or redirected is given up at once; what never succeeds, in the end', async t => {
	for (const statuses of [[302], [400], [500, 500, 500, 500, 500]]) {
		const tries = statuses.length;
		const { seen, hooks, request, until, counted, warnings } = await receiver(t, statuses);
		hooks.tell(request);
		await until(() => counted('given up'));
		t.is(seen.length, tries);
		t.true(seen.every(({ url }) => url.startsWith('/hook')));
		t.is(warnings.length, 1);
		t.false(JSON.stringify(warnings).includes('hidden'));
	}
});

test('only the events that were asked for are told, and the queue is bounded', async t => {
	const { seen, hooks, request, until, counted } = await receiver(t, [], { events: ['denied'] });
	hooks.tell(request);
	for (let i = 0; i < 1001; i++) hooks.tell({ ...request, state: 'denied' });
	t.true(await counted('dropped'));
	await until(() => seen.length >= 3);
	t.true(seen.every(({ body }) => JSON.parse(body).event === 'denied'));
});

test('nobody who does not listen makes telling fail, and closing ends it', async t => {
	const { hooks, request, until, counted } = await receiver(t, [], { url: 'http://127.0.0.1:1/' });
	t.notThrows(() => hooks.tell(request));
	await until(() => counted('retried'));
	hooks.close();
	t.notThrows(() => hooks.tell(request));
	t.true(await counted('dropped'));
});
