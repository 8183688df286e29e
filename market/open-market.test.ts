// The service as `bimetal market` runs it, with a real hil that knows its users.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { z } from 'zod';
import { systemClock } from '../common/clock.ts';
import { startBroker } from '../common/events/broker.ts';
import { connectEvents } from '../common/events/bus.ts';
import { silentLogger } from '../common/log/logger.ts';
import { startPostgres } from '../common/store/postgres-server.fixture.ts';
import { startHil } from '../hil/hil.fixture.ts';
import { testNeeding } from '../test/debian/test-needing.ts';
import { openMarket } from './open-market.ts';
import { readMarketSite } from './site.ts';

async function siteFile(
	t: ExecutionContext,
	hil: string,
	more = '',
	store = '{ file: state/market.db }',
): Promise<string> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-market-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const file = path.join(folder, 'market.yaml');
	const text = `
store: ${store}
listen: { port: 0 }
hil: { url: "${hil}", username: root, password: hil.password }
${more}`;
	await writeFile(file, text);
	await writeFile(path.join(folder, 'hil.password'), 'root\n', { mode: 0o600 });
	await writeFile(path.join(folder, 'broker.password'), `${brokerPassword}\n`, { mode: 0o600 });
	return file;
}

const brokerPassword = 'of the tests, and of no use elsewhere';

/** A broker that takes what the market may publish, the setting for it, and the first message to some topics. */
async function someBroker(t: ExecutionContext) {
	const [password, topics] = [brokerPassword, ['bimetal/market/#']];
	const broker = await startBroker({
		host: '127.0.0.1',
		port: 0,
		users: [
			{ name: 'market', password, publish: topics, subscribe: [] },
			{ name: 'reader', password, publish: [], subscribe: topics },
		],
	});
	t.teardown(() => broker.close());
	const of = { username: 'reader', password, logger: silentLogger, clock: systemClock };
	const bus = connectEvents({ url: broker.url, ...of });
	t.teardown(() => bus.close());
	const first = async (pattern: string) => {
		let done: (message: object) => void = () => undefined;
		const message = new Promise<object>(resolve => {
			done = resolve;
		});
		await bus.subscribe(pattern, z.looseObject({}), (payload, { topic }) => done({ topic, payload })).ready;
		return { arrives: message };
	};
	const site = `events: { url: "${broker.url}", username: market, password: broker.password }`;
	return { site, first };
}

const basic = (name: string): string => `Basic ${Buffer.from(`${name}:${name}`).toString('base64')}`;

test('users and projects are those of hil; a second start finds the same', async t => {
	const hil = await startHil(t);
	await hil.ok('PUT', '/v0/project/red');
	await hil.ok('PUT', '/v0/auth/basic/user/alice', { password: 'alice' });
	await hil.ok('POST', '/v0/auth/basic/user/alice/add_project', { project: 'red' });
	const broker = await someBroker(t);
	const file = await siteFile(t, hil.url, broker.site);
	const start = () => openMarket(readMarketSite(file), { logger: silentLogger });
	const ask = async (url: string, who: string, method = 'GET', body?: object) => {
		const headers = { authorization: basic(who), ...(body && { 'content-type': 'application/json' }) };
		const answer = await fetch(url, { method, headers, ...(body && { body: JSON.stringify(body) }) });
		return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
	};
	const first = await start();
	t.teardown(() => first.close());
	t.like(await ask(`${first.url}/v1/me`, 'alice'), {
		status: 200,
		body: { name: 'alice', projects: ['red'] },
	});
	t.is((await ask(`${first.url}/v1/me`, 'mallory')).status, 401);
	const server = { owner: 'red', properties: { model: 'R640' } };
	t.is((await ask(`${first.url}/v1/servers/n1`, 'root', 'PUT', server)).status, 200);
	const day = { start: 4_000_000_000, end: 4_000_086_400 };
	const terms = { price: '5', shortest: 1, longest: 1000, to: null, recallNotice: null };
	const times = { type: 'once', intervals: [day] };
	const offer = { project: 'red', servers: { names: ['n1'] }, times, ...terms };
	const { arrives } = await broker.first('bimetal/market/offers/+');
	const made = await ask(`${first.url}/v1/offers`, 'alice', 'POST', offer);
	t.is(made.status, 200);
	const { id } = made.body;
	t.like(await arrives, { topic: `bimetal/market/offers/${id}`, payload: { kind: 'offer.made', of: id } });
	for (const part of ['/healthz', '/readyz', '/metrics'])
		t.is((await fetch(`${first.ops}${part}`)).status, 200);
	await first.close();
	const second = await start();
	t.teardown(() => second.close());
	const { body } = await ask(`${second.url}/v1/calendar?from=${day.start}&parts=1`, 'alice');
	t.deepEqual(body, { parts: [{ ...day, offered: 86_400, leased: 0 }] });
});

test('without hil nobody is let in, and that is said', async t => {
	const running = await openMarket(readMarketSite(await siteFile(t, 'http://127.0.0.1:1')), {
		logger: silentLogger,
	});
	t.teardown(() => running.close());
	const answer = await fetch(`${running.url}/v1/me`, { headers: { authorization: basic('alice') } });
	t.is(answer.status, 503);
	t.like(await answer.json(), { code: 'HilAway' });
});

test('passwords never cross a network in the clear; misspelt keys are told', async t => {
	const open = await siteFile(t, 'http://hil.example:5000', 'storrage: 1');
	const error = t.throws(() => readMarketSite(open));
	t.regex(error?.message ?? '', /would cross the network/);
	t.regex(error?.message ?? '', /storrage/);
});

test('where there is a service that attests, bids can ask for that; the airlock has to be named', async t => {
	const hil = await startHil(t);
	const attest = `attest: { url: "http://127.0.0.1:9", username: market, password: hil.password }`;
	const unnamed = await siteFile(t, hil.url, attest);
	t.throws(() => readMarketSite(unnamed), { message: /name the airlock's project/ });
	const file = await siteFile(t, hil.url, attest);
	const text = await readFile(file, 'utf8');
	await writeFile(
		file,
		text.replace('password: hil.password }\n', 'password: hil.password, airlock: air }\n'),
	);
	const running = await openMarket(readMarketSite(file), { logger: silentLogger });
	t.teardown(() => running.close());
	const send = async (method: string, at: string, body: object) => {
		const headers = { authorization: basic('root'), 'content-type': 'application/json' };
		const answer = await fetch(running.url + at, { method, headers, body: JSON.stringify(body) });
		return (await answer.json()) as Record<string, unknown>;
	};
	const start = Math.floor(Date.now() / 1000) + 3600;
	const times = { type: 'once', intervals: [{ start, end: start + 7200 }] };
	await send('PUT', '/v1/servers/n1', { owner: 'red', properties: {} });
	await send('POST', '/v1/credits/blue/grant', { amount: '1', key: 'k' });
	await send('POST', '/v1/offers', {
		...{ project: 'red', servers: { names: ['n1'] }, times, price: '1', shortest: 60, longest: 7200 },
		...{ to: null, recallNotice: null },
	});
	const attestation = { by: 'provider', networks: [{ nic: 'eth0', network: 'inner' }] };
	const bid = await send('POST', '/v1/bids', {
		...{ project: 'blue', quantity: 1, servers: { where: [] }, attestations: [], length: 600 },
		...{ earliest: start, latest: start + 60, deadline: null, highest: '1', allOrNothing: true },
		...{ waitUntil: null, attestation, key: 'k' },
	});
	t.like(bid, { outcome: 'leased', lease: { state: 'reserved', attestation } });
});

test('a database on another machine is reached over TLS only; a store is one thing or the other', async t => {
	const postgres = '{ host: db.example, database: bimetal, user: market, schema: market }';
	const far = await siteFile(t, 'http://127.0.0.1:1', '', `{ postgres: ${postgres} }`);
	t.throws(() => readMarketSite(far), { message: /would cross the network: give ca/ });
	const both = await siteFile(
		t,
		'http://127.0.0.1:1',
		'',
		`{ file: x, postgres: ${postgres.replace('db.example', 'localhost')} }`,
	);
	t.throws(() => readMarketSite(both), { message: /either `file`, or `postgres` alone/ });
});

testNeeding('postgresql-15')(
	'in a PostgreSQL: two markets answer at once, follow each other, and go on when it was away',
	async t => {
		const postgres = await startPostgres();
		t.teardown(() => postgres.close());
		const hil = await startHil(t);
		const { host, password, ...rest } = postgres.options('market');
		const store = { host, password, database: rest.database, user: rest.user, schema: rest.schema };
		const file = await siteFile(t, hil.url, '', JSON.stringify({ postgres: store }));
		const start = async () => {
			const market = await openMarket(readMarketSite(file), { logger: silentLogger });
			t.teardown(() => market.close());
			return market;
		};
		const [first, second] = [await start(), await start()];
		const headers = { authorization: basic('root'), 'content-type': 'application/json' };
		const put = (of: { url: string }, name: string) =>
			fetch(`${of.url}/v1/servers/${name}`, {
				method: 'PUT',
				headers,
				body: JSON.stringify({ owner: 'red', properties: {} }),
			});
		const get = async (of: { url: string }, path: string) =>
			(await (await fetch(`${of.url}/v1${path}`, { headers })).json()) as Record<string, unknown>;
		t.is((await put(first, 'n1')).status, 200);
		t.is((await put(second, 'n2')).status, 200);
		for (const each of [first, second]) t.regex(JSON.stringify(await get(each, '/servers')), /"n1".*"n2"/);

		// Whoever waits at one is told what comes to pass at the other: long before it would look by itself.
		const { next } = await get(second, '/events');
		const waiting = get(second, `/events?after=${next ?? ''}&wait=30000`);
		const times = { type: 'once', intervals: [{ start: 4_000_000_000, end: 4_000_086_400 }] };
		const terms = { price: '5', shortest: 1, longest: 1000, to: null, recallNotice: null };
		const offer = { project: 'red', servers: { names: ['n1'] }, times, ...terms };
		await hil.ok('PUT', '/v0/project/red');
		const made = await fetch(`${first.url}/v1/offers`, {
			method: 'POST',
			headers,
			body: JSON.stringify(offer),
		});
		t.is(made.status, 200);
		const begun = performance.now();
		t.regex(JSON.stringify(await waiting), /offer\.made/);
		t.true(performance.now() - begun < 20_000);

		await postgres.crash();
		for (const each of [first, second]) {
			t.is((await fetch(`${each.ops}/readyz`)).status, 503);
			t.is((await put(each, 'n3')).status, 503);
		}
		await postgres.start();
		t.is((await put(second, 'n3')).status, 200);
		t.regex(JSON.stringify(await get(first, '/servers')), /"n1".*"n2".*"n3"/);
		await first.close();
		t.is((await put(second, 'n4')).status, 200);
	},
);
