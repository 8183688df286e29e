import { randomUUID } from 'node:crypto';
import { createServer, request as httpRequest } from 'node:http';
import type { ExecutionContext } from 'ava';
import { FakeClock } from '../common/clock.ts';
import { createEndings } from '../common/endings.ts';
import { listen } from '../common/http/listen.ts';
import { hashPassword } from '../common/identity/passwords.ts';
import { silentLogger } from '../common/log/logger.ts';
import { createMemoryStore } from '../common/store/memory-store.fixture.ts';
import type { Store } from '../common/store/store.ts';
import type { Woken } from '../common/woken.ts';
import { createHil } from './app.ts';
import { createAuthentication } from './authenticate/authentication.ts';
import type { Authenticator } from './authenticate/authenticator.ts';
import { createDatabaseAuthenticator } from './authenticate/database.ts';
import { type Changes, createChanges } from './change/changes.ts';
import { createUser } from './core/users.ts';
import { setVlanPool } from './core/vlans.ts';
import type { World } from './core/world.ts';
import { createDepartures, type Departures } from './departure/departures.ts';
import { createNoHypervisor, type Hypervisor } from './headnode/hypervisor.ts';
import type { HilDeps } from './hil-deps.ts';
import { createLeases } from './lease/leases.ts';
import { users } from './model/project.ts';
import type { DriftChecks } from './network/drift-watch.ts';
import { createWorkers, type Workers } from './network/workers.ts';
import { createConsoles } from './obm/consoles.ts';
import { createNoObm } from './obm/no-obm.ts';
import type { Obm } from './obm/obm.ts';
import type { SwitchType } from './switches/driver.ts';
import { createMockSwitches, type MockSwitches } from './switches/mock.ts';

export interface Answer {
	readonly status: number;
	readonly headers: Readonly<Record<string, string | string[] | undefined>>;
	readonly text: string;
	/** Parsed, when it is JSON. */
	readonly body: unknown;
}

export interface HilBench {
	readonly url: string;
	readonly store: Store;
	readonly clock: FakeClock;
	readonly mocks: MockSwitches;
	readonly workers: Workers;
	readonly changes: Changes;
	readonly departures: Departures;
	readonly leases: Woken;
	/** As HIL's client sends it: a body without a Content-Type; none when absent. As `root` when nobody is named. */
	call(method: string, path: string, body?: unknown, who?: string | null): Promise<Answer>;
	/** The status alone must be this; the answer's body. */
	ok(method: string, path: string, body?: unknown, who?: string): Promise<unknown>;
}

/** Users: `root`, who is an administrator; passwords are their names. */
export async function startHil(
	t: Pick<ExecutionContext, 'teardown'>,
	options: {
		pool?: readonly number[];
		obm?: Obm;
		obmUrls?: readonly string[];
		showsPortsToProjects?: boolean;
		detachReleases?: boolean;
		marksUncleaned?: boolean;
		hypervisor?: Hypervisor;
		images?: readonly string[];
		/** In memory when absent. */
		store?: Store;
		/** Types of switches beside the mock. */
		types?: readonly SwitchType[];
		checks?: DriftChecks;
		/** Further ways to log in than the database. */
		backEnds?: (deps: { store: Store; clock: FakeClock }) => readonly Authenticator[];
	} = {},
): Promise<HilBench> {
	const { pool = [100, 101, 102], obm = createNoObm(), hypervisor = createNoHypervisor() } = options;
	const { store = createMemoryStore() } = options;
	const clock = new FakeClock();
	const mocks = createMockSwitches();
	const types = new Map([mocks.type, ...(options.types ?? [])].map(type => [type.type, type]));
	const endings = createEndings(clock);
	const workers = createWorkers({
		store,
		types,
		unseal: text => text,
		clock,
		random: () => 0.5,
		logger: silentLogger,
		checks: options.checks,
		onEnded: id => {
			endings.tell(id);
			changes.actionEnded(id);
			departures.portsChanged();
		},
	});
	const changes = createChanges({
		store,
		wakeSwitch: label => workers.wake(label),
		world: () => world({ name: 'hil', isAdmin: true, projects: new Set() }),
		onEnded: id => endings.tell(id),
		clock,
		random: () => 0.5,
		logger: silentLogger,
	});
	const departures = createDepartures({
		store,
		obm: options.obm,
		wakeSwitch: label => workers.wake(label),
		world: () => world({ name: 'hil', isAdmin: true, projects: new Set() }),
		onLeft: () => undefined,
		clock,
		random: () => 0.5,
		logger: silentLogger,
	});
	const world: HilDeps['world'] = (actor): World => ({
		actor,
		now: clock.now(),
		newId: randomUUID,
		switchKinds: types,
		seal: text => text,
		images: options.images ?? [],
		maintenance: undefined,
		detachReleases: options.detachReleases,
		marksUncleaned: options.marksUncleaned,
		obmUrls: options.obmUrls ?? [],
		showsPortsToProjects: options.showsPortsToProjects,
	});
	const hash = await hashPassword('root');
	await store.transact(async tx => {
		await setVlanPool(tx, new Set(pool));
		if (!(await tx.get(users, 'root'))) await createUser(tx, { user: 'root', hash, is_admin: true });
	});
	const consoles = createConsoles({ store, obm });
	const leases = createLeases({
		store,
		clock,
		logger: silentLogger,
		world: () => world({ name: 'hil', isAdmin: true, projects: new Set() }),
		onBegun: ({ id, node }) => {
			consoles.end(node);
			departures.wake(id);
		},
	});
	const app = createHil({
		store,
		workers,
		changes,
		departures,
		leases,
		consoles,
		endings,
		authentication: createAuthentication([
			createDatabaseAuthenticator({ store, clock }),
			...(options.backEnds?.({ store, clock }) ?? []),
		]),
		obm,
		hypervisor,
		world,
		wakeMaintenance: () => undefined,
		extensions: ['hil.ext.switches.mock'],
		version: '0.0.0',
		clock,
		logger: silentLogger,
	});
	const listening = await listen(createServer(app), { host: '127.0.0.1', port: 0 });
	t.teardown(async () => {
		endings.close();
		await listening.close(0);
		await leases.close();
		await changes.close();
		await departures.close();
		await workers.close();
	});
	const url = `http://127.0.0.1:${listening.port}`;
	const call: HilBench['call'] = (method, path, body, who = 'root') => {
		const headers: Record<string, string | number> = {};
		if (who !== null) headers.authorization = `Basic ${Buffer.from(`${who}:${who}`).toString('base64')}`;
		const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
		if (text !== undefined) headers['content-length'] = Buffer.byteLength(text);
		return send(`${url}${path}`, method, headers, text);
	};
	return {
		url,
		store,
		clock,
		mocks,
		workers,
		changes,
		departures,
		leases,
		call,
		async ok(method, path, body, who) {
			const answer = await call(method, path, body, who);
			if (answer.status > 299) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
			return answer.body;
		},
	};
}

const send = (
	url: string,
	method: string,
	headers: Record<string, string | number>,
	body: string | undefined,
) =>
	new Promise<Answer>((resolve, reject) => {
		const request = httpRequest(url, { method, headers, agent: false }, response => {
			const pieces: Buffer[] = [];
			response.on('data', piece => pieces.push(piece as Buffer));
			response.on('error', reject);
			response.on('end', () => {
				const text = Buffer.concat(pieces).toString('utf8');
				let parsed: unknown;
				try {
					parsed = JSON.parse(text);
				} catch {
					parsed = undefined;
				}
				resolve({ status: response.statusCode ?? 0, headers: response.headers, text, body: parsed });
			});
		});
		request.on('error', reject);
		request.end(body);
	});
