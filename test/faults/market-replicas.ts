import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { type Link, openLink } from '../../common/store/postgres-link.fixture.ts';
import { startPostgres } from '../../common/store/postgres-server.fixture.ts';
import { openPostgresStore } from '../../common/store/postgres-store.ts';
import type { Store } from '../../common/store/store.ts';
import { type HilBench, startHil } from '../../hil/hil.fixture.ts';
import { createMemoryObm } from '../../hil/obm/memory-obm.fixture.ts';
import { until } from '../visitor.ts';

/** What came back; undefined: nothing did, since the process is not there. */
export type ReplicaAnswer =
	// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
	{ readonly status: number; readonly body: any } | undefined;

/** `bimetal market` as a process of its own, with a way to the database that can be cut. */
export interface Replica {
	readonly link: Link;
	/** As hil's administrator. */
	call(method: string, at: string, body?: object): Promise<ReplicaAnswer>;
	/** The same; throws unless it is a success. */
	// biome-ignore lint/suspicious/noExplicitAny: as above
	ok(method: string, at: string, body?: object): Promise<any>;
	leads(): Promise<boolean>;
	/** Ends it as a crash does; resolves when it has ended. */
	kill(): Promise<void>;
	start(): Promise<void>;
	signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
}

/** Two markets on one PostgreSQL, and a hil with free nodes. */
export interface ReplicatedMarket {
	readonly replicas: readonly [Replica, Replica];
	readonly hil: HilBench;
	/** The records, past both. */
	readonly store: Store;
	/** The one that leads, and the other; waits until one does. */
	leader(): Promise<{ readonly leader: Replica; readonly other: Replica }>;
}

const bimetal = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
/** Seconds; a loaded machine takes ten times as long as an idle one. */
const patience = 120;
const headers = {
	authorization: `Basic ${Buffer.from('root:root').toString('base64')}`,
	'content-type': 'application/json',
};

/** All of it ends with the test. hil's projects red, blue and green are there. */
export async function startReplicas(
	t: ExecutionContext,
	nodes: readonly string[],
): Promise<ReplicatedMarket> {
	const postgres = await startPostgres();
	t.teardown(() => postgres.close());
	const hil = await startHil(t, { obm: createMemoryObm() });
	for (const project of ['red', 'blue', 'green']) await hil.ok('PUT', `/v0/project/${project}`);
	for (const node of nodes)
		await hil.ok('PUT', `/v0/node/${node}`, { obmd: { uri: `https://p/bmc/${node}`, admin_token: '' } });
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-replicas-'));
	t.teardown(() => rm(folder, { recursive: true }));
	await writeFile(path.join(folder, 'market.password'), 'root', { mode: 0o600 });
	const { password = '', database, user, schema } = postgres.options('market');
	const open = async (name: string): Promise<Replica> => {
		const link = await openLink(postgres.folder);
		t.teardown(() => link.close());
		const config = path.join(folder, `${name}.yaml`);
		const site = {
			store: { postgres: { host: link.folder, password, database, user, schema } },
			listen: { port: 0 },
			hil: { url: hil.url, username: 'root', password: 'market.password' },
		};
		// JSON is YAML.
		await writeFile(config, JSON.stringify(site));
		const replica = createReplica(config, link, path.join(folder, 'compiled'));
		t.teardown(() => replica.kill());
		await replica.start();
		return replica;
	};
	const replicas = [await open('one'), await open('two')] as const;
	const store = await openPostgresStore(postgres.options('market'));
	t.teardown(() => store.close());
	return {
		replicas,
		hil,
		store,
		async leader() {
			const found = await until(
				async () => Promise.all(replicas.map(each => each.leads())),
				leads => leads.some(Boolean),
				patience,
			);
			const [one, two] = replicas;
			return found[0] ? { leader: one, other: two } : { leader: two, other: one };
		},
	};
}

function createReplica(config: string, link: Link, cache: string): Replica {
	let child: ChildProcess | undefined;
	let ended: Promise<unknown> = Promise.resolve();
	let at = { url: '', ops: '' };
	const replica: Replica = {
		link,
		async call(method, where, body) {
			try {
				const answer = await fetch(`${at.url}${where}`, {
					method,
					headers,
					signal: AbortSignal.timeout(patience * 1000),
					...(body && { body: JSON.stringify(body) }),
				});
				return { status: answer.status, body: await answer.json() };
			} catch (fault) {
				if (fault instanceof Error && fault.name === 'TimeoutError') throw fault;
				return undefined;
			}
		},
		async ok(method, where, body) {
			const answer = await replica.call(method, where, body);
			if (answer && answer.status < 300) return answer.body;
			throw new Error(`${method} ${where}: ${JSON.stringify(answer)}`);
		},
		async leads() {
			const answer = await fetch(`${at.ops}/metrics`, { signal: AbortSignal.timeout(1000) }).catch(
				() => undefined,
			);
			return /^bimetal_market_leads\{.*\} 1$/m.test((await answer?.text().catch(() => '')) ?? '');
		},
		async kill() {
			child?.kill('SIGKILL');
			await ended;
		},
		signal: signal => void child?.kill(signal),
		async start() {
			const started = spawn(
				process.execPath,
				['--disable-warning=ExperimentalWarning', bimetal, 'market', '-c', config],
				{ env: { ...process.env, NODE_COMPILE_CACHE: cache }, stdio: ['ignore', 'pipe', 'pipe'] },
			);
			child = started;
			let log = '';
			let hasEnded = false;
			ended = once(started, 'close').finally(() => {
				hasEnded = true;
			});
			for (const stream of [started.stdout, started.stderr])
				stream.setEncoding('utf8').on('data', (text: string) => {
					log += text;
				});
			const found = await until(
				async () => /"url":"([^"]+)","ops":"([^"]+)".*the market listens/.exec(log),
				match => match !== null || hasEnded,
				patience,
			);
			if (!found) throw new Error(`the market ended: ${log}`);
			const [, url = '', ops = ''] = found;
			at = { url, ops };
		},
	};
	return replica;
}
