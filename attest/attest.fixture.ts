import { randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { ExecutionContext } from 'ava';
import { FakeClock } from '../common/clock.ts';
import { listen } from '../common/http/listen.ts';
import { silentLogger } from '../common/log/logger.ts';
import { createMemoryStore, type MemoryStore } from '../common/store/memory-store.fixture.ts';
import { createAttest } from './app.ts';
import type { Actor } from './authorize/actor.ts';
import type { EndorsementTrust } from './certificates/endorsement-certificate.ts';
import { registrarRoutes } from './registrar/routes.ts';

export interface Answer {
	readonly status: number;
	readonly body: Record<string, unknown>;
}

export interface AttestBench {
	readonly url: string;
	readonly store: MemoryStore;
	readonly clock: FakeClock;
	/** As nobody, when nobody is named. */
	call(method: string, path: string, body?: object, who?: string): Promise<Answer>;
	/** The same; throws unless it is a success. */
	ok(method: string, path: string, body?: object, who?: string): Promise<Record<string, unknown>>;
}

export const actor = (name: string, ...projects: readonly string[]): Actor => ({
	name,
	isAdmin: name === 'root',
	projects: new Set(projects),
});

const people: readonly Actor[] = [actor('root'), actor('alice', 'red'), actor('bob', 'blue')];

/** Users root (administrator), alice of red and bob of blue; passwords are their names. */
export async function startAttest(
	t: Pick<ExecutionContext, 'teardown'>,
	options: { trust?: EndorsementTrust } = {},
): Promise<AttestBench> {
	const store = createMemoryStore();
	// Certificates that were made just now are in force.
	const clock = new FakeClock(Date.now() + 3_600_000);
	const world = (who: Actor) => ({ actor: who, now: clock.now(), newId: randomUUID });
	const { trust = { roots: [], intermediates: [] } } = options;
	const shared = { store, world };
	const app = createAttest({
		...shared,
		roles: [{ name: 'registrar', routes: registrarRoutes({ ...shared, trust, random: randomBytes }) }],
		authenticate: async ({ authorization }) =>
			people.find(({ name }) => credentialOf(name) === authorization),
		bodyLimit: 16 * 1024 * 1024,
		version: '0.0.0',
		clock,
		logger: silentLogger,
	});
	const listening = await listen(createServer(app), { host: '127.0.0.1', port: 0 });
	t.teardown(() => listening.close(0));
	const url = `http://127.0.0.1:${listening.port}`;
	const call: AttestBench['call'] = async (method, path, body, who) => {
		const answer = await fetch(`${url}${path}`, {
			method,
			headers: {
				...(who !== undefined && { authorization: credentialOf(who) }),
				...(body && { 'content-type': 'application/json' }),
			},
			...(body && { body: JSON.stringify(body) }),
		});
		return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
	};
	return {
		url,
		store,
		clock,
		call,
		async ok(method, path, body, who) {
			const answer = await call(method, path, body, who);
			if (answer.status < 300) return answer.body;
			throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
		},
	};
}

const credentialOf = (name: string): string => `Basic ${Buffer.from(`${name}:${name}`).toString('base64')}`;
