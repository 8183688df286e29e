import { generateKeyPairSync, type KeyObject, randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { ExecutionContext } from 'ava';
import { FakeClock } from '../common/clock.ts';
import { listen } from '../common/http/listen.ts';
import { silentLogger } from '../common/log/logger.ts';
import { createMemoryStore, type MemoryStore } from '../common/store/memory-store.fixture.ts';
import type { Woken } from '../common/woken.ts';
import { createAttest } from './app.ts';
import type { Actor } from './authorize/actor.ts';
import type { EndorsementTrust } from './certificates/endorsement-certificate.ts';
import type { AttestRoute, RouteDeps } from './http/route.ts';
import { createAwayJudge } from './judge/judge-away.ts';
import { showRegistration } from './registrar/registrations.ts';
import { registrarRoutes } from './registrar/routes.ts';
import { createNonces } from './verifier/nonces.ts';
import { createNotifier } from './verifier/notifier.ts';
import { payloadBox } from './verifier/payloads.ts';
import { pushTargets } from './verifier/push-targets.ts';
import { createRounds } from './verifier/rounds.ts';
import { verifierRoutes } from './verifier/routes.ts';
import { createSweeper } from './verifier/sweeper.ts';

export interface Answer {
	readonly status: number;
	readonly body: Record<string, unknown>;
}

export interface AttestBench {
	readonly url: string;
	readonly store: MemoryStore;
	readonly clock: FakeClock;
	readonly notifier: Woken;
	readonly sweeper: Woken;
	/** Ed25519, public: what the verifier signs with. */
	readonly key: KeyObject;
	/** What went to the broker. */
	readonly published: { topic: string; payload: unknown }[];
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
	options: {
		trust?: EndorsementTrust;
		push?: readonly string[];
		projectOf?: (node: string) => Promise<string | null>;
		/** Further routes of the verifier's. */
		more?: (parts: RouteDeps & { readonly clock: FakeClock; onTold(): void }) => readonly AttestRoute[];
	} = {},
): Promise<AttestBench> {
	const store = createMemoryStore();
	// Certificates that were made just now are in force.
	const clock = new FakeClock(Date.now() + 3_600_000);
	const world = (who: Actor) => ({ actor: who, now: clock.now(), newId: randomUUID });
	const { trust = { roots: [], intermediates: [] } } = options;
	const shared = { store, world };
	const { publicKey: key, privateKey } = generateKeyPairSync('ed25519');
	const published: AttestBench['published'] = [];
	const bus = { publish: async (topic: string, payload: unknown) => void published.push({ topic, payload }) };
	const parts = { store, clock, logger: silentLogger, random: () => 0.5 };
	const notifier = createNotifier({ ...parts, bus, key: privateKey });
	const onRevoked = () => notifier.wake();
	const sweeper = createSweeper({ ...parts, onRevoked });
	const away = createAwayJudge({ clock });
	const box = payloadBox(Buffer.alloc(32, 7));
	const rounds = createRounds({
		...parts,
		box,
		nonces: createNonces(Buffer.alloc(32, 7), randomBytes),
		keysOfNodes: { registration: id => store.read(tx => showRegistration(tx, { registration: id })) },
		judge: away.judge,
		onRevoked,
	});
	const verifier = {
		...shared,
		rounds,
		box,
		key: privateKey,
		onRevoked,
		mayPush: pushTargets(options.push ?? []),
	};
	const app = createAttest({
		...shared,
		roles: [
			{ name: 'registrar', routes: registrarRoutes({ ...shared, trust, random: randomBytes }) },
			{
				name: 'verifier',
				routes: [
					...verifierRoutes({ ...verifier, projectOf: options.projectOf }),
					...(options.more?.({ ...shared, clock, onTold: onRevoked }) ?? []),
				],
			},
		],
		authenticate: async ({ authorization }) =>
			people.find(({ name }) => credentialOf(name) === authorization),
		bodyLimit: 16 * 1024 * 1024,
		version: '0.0.0',
		clock,
		logger: silentLogger,
	});
	const listening = await listen(createServer(app), { host: '127.0.0.1', port: 0 });
	t.teardown(async () => {
		await listening.close(0);
		await Promise.all([notifier.close(), sweeper.close(), away.close()]);
	});
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
		notifier,
		sweeper,
		key,
		published,
		call,
		async ok(method, path, body, who) {
			const answer = await call(method, path, body, who);
			if (answer.status < 300) return answer.body;
			throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
		},
	};
}

const credentialOf = (name: string): string => `Basic ${Buffer.from(`${name}:${name}`).toString('base64')}`;
