import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { openLink } from '../../common/store/postgres-link.fixture.ts';
import { startPostgres } from '../../common/store/postgres-server.fixture.ts';
import { openPostgresStore } from '../../common/store/postgres-store.ts';
import type { Store } from '../../common/store/store.ts';
import { type HilBench, startHil } from '../../hil/hil.fixture.ts';
import { createMemoryObm } from '../../hil/obm/memory-obm.fixture.ts';
import { until } from '../visitor.ts';
import { createReplica, type Replica } from './replica.ts';

/** Two markets on one PostgreSQL, and a hil with free nodes. */
export interface ReplicatedMarket {
	readonly replicas: readonly [Replica, Replica];
	readonly hil: HilBench;
	/** The records, past both. */
	readonly store: Store;
	/** The one that leads, and the other; waits until one does. */
	leader(): Promise<{ readonly leader: Replica; readonly other: Replica }>;
}

/** Seconds; a loaded machine takes ten times as long as an idle one. */
const patience = 120;

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
		const replica = createReplica({
			...{ service: 'market', account: 'root:root', config, link },
			cache: path.join(folder, 'compiled'),
		});
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
