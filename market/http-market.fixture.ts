import { createServer } from 'node:http';
import type { ExecutionContext } from 'ava';
import { FakeClock } from '../common/clock.ts';
import { listen } from '../common/http/listen.ts';
import { silentLogger } from '../common/log/logger.ts';
import { createMemoryStore } from '../common/store/memory-store.fixture.ts';
import type { Store } from '../common/store/store.ts';
import { createMarket } from './app.ts';
import type { Actor } from './authorize/actor.ts';
import { createStrictFulfilment, type StrictFulfilment } from './lease/strict-fulfilment.fixture.ts';
import { now } from './market.fixture.ts';
import { runMarket } from './run-market.ts';

export interface Answer {
	readonly status: number;
	readonly body: Record<string, unknown>;
}

export interface HttpMarket {
	readonly url: string;
	readonly store: Store;
	readonly clock: FakeClock;
	readonly fulfilment: StrictFulfilment;
	/** As `alice`, who is of project red, when nobody is named; null: without a credential. */
	call(method: string, path: string, body?: object, who?: string | null): Promise<Answer>;
	/** The same; throws unless it is a success. */
	ok(method: string, path: string, body?: object, who?: string): Promise<Record<string, unknown>>;
	/** Lets seconds pass, one at a time, with all that they bring about. */
	pass(seconds: number): Promise<void>;
	idle(): Promise<void>;
}

const person = (name: string, ...projects: readonly string[]): Actor => ({
	name,
	isAdmin: name === 'root',
	projects: new Set(projects),
});
const people: readonly Actor[] = [
	person('root'),
	person('alice', 'red'),
	person('bob', 'blue'),
	person('eve'),
];

const credentialOf = (name: string): string => `Basic ${Buffer.from(`${name}:${name}`).toString('base64')}`;

/** Users root (administrator), alice of red, bob of blue, eve of none; passwords are their names. It is second `now`. */
export async function startMarket(
	t: Pick<ExecutionContext, 'teardown'>,
	{ store = createMemoryStore(), rounds }: { readonly store?: Store; readonly rounds?: number } = {},
): Promise<HttpMarket> {
	const clock = new FakeClock(now * 1000);
	const fulfilment = createStrictFulfilment();
	const running = await runMarket({
		store,
		fulfil: () => fulfilment,
		authenticator: {
			authenticate: async ({ authorization }) =>
				people.find(({ name }) => credentialOf(name) === authorization),
		},
		patience: 60,
		rounds,
		// A machine may be slow: what is tested is what comes out, not when.
		solverPatience: 100_000,
		clock,
		random: () => 0.5,
		logger: silentLogger,
		version: '0.0.0',
	});
	const listening = await listen(createServer(createMarket(running.deps)), { host: '127.0.0.1', port: 0 });
	t.teardown(async () => {
		await running.close();
		await listening.close(0);
	});
	const url = `http://127.0.0.1:${listening.port}`;
	const call: HttpMarket['call'] = async (method, path, body, who = 'alice') => {
		const headers = {
			...(who !== null && { authorization: credentialOf(who) }),
			...(body && { 'content-type': 'application/json' }),
		};
		const answer = await fetch(`${url}${path}`, {
			method,
			headers,
			...(body && { body: JSON.stringify(body) }),
		});
		return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
	};
	return {
		url,
		store,
		clock,
		fulfilment,
		call,
		async ok(method, path, body, who) {
			const answer = await call(method, path, body, who);
			if (answer.status < 300) return answer.body;
			throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
		},
		async pass(seconds) {
			for (let n = 0; n < seconds; n++) {
				clock.advance(1000);
				await running.idle();
			}
		},
		idle: () => running.idle(),
	};
}
