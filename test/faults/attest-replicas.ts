import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import {
	createSoftAgents,
	type Post,
	type SoftAgent,
	startSoftRegistrar,
} from '../../attest/soft-agent.fixture.ts';
import { hashPassword } from '../../common/identity/passwords.ts';
import { openLink } from '../../common/store/postgres-link.fixture.ts';
import { startPostgres } from '../../common/store/postgres-server.fixture.ts';
import { until } from '../visitor.ts';
import { createReplica, type Replica } from './replica.ts';

/** Several `bimetal attest` on one PostgreSQL, for nodes whose TPMs are software. All of it ends with the test. */
export interface AttestReplicas {
	readonly agents: readonly SoftAgent[];
	/** Makes one more, not started yet; `site` is what its site file says beyond what all of them need. */
	create(name: string, site?: { readonly key?: string; readonly airlock?: object }): Promise<Replica>;
}

/** Seconds; a loaded machine takes ten times as long as an idle one. */
const patience = 120;

export async function startAttestReplicas(t: ExecutionContext, count: number): Promise<AttestReplicas> {
	const postgres = await startPostgres();
	t.teardown(() => postgres.close());
	const agents = createSoftAgents(count);
	const registrar = await startSoftRegistrar(agents);
	t.teardown(() => registrar.close());
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-verifiers-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const secret = randomBytes(16).toString('hex');
	const account = `{ name: admin, password: "${await hashPassword(secret)}", admin: true, projects: [red] }`;
	await writeFile(path.join(folder, 'accounts.yaml'), `accounts: [${account}]\n`);
	await writeFile(path.join(folder, 'password'), secret, { mode: 0o600 });
	const { password = '', database, user, schema } = postgres.options('attest');
	return {
		agents,
		async create(name, extra = {}) {
			const link = await openLink(postgres.folder);
			t.teardown(() => link.close());
			const config = path.join(folder, `${name}.yaml`);
			const site = {
				store: { postgres: { host: link.folder, password, database, user, schema } },
				listen: { port: 0 },
				users: { accounts: 'accounts.yaml' },
				verifier: {
					registrar: { url: registrar.url, username: 'admin', password: 'password' },
					push: ['127.0.0.1'],
				},
				key: 'shared.key',
				...extra,
			};
			// JSON is YAML.
			await writeFile(config, JSON.stringify(site));
			const replica = createReplica({
				...{ service: 'attest', account: `admin:${secret}`, config, link },
				cache: path.join(folder, 'compiled'),
			});
			t.teardown(() => replica.kill());
			return replica;
		},
	};
}

/** Throws what the verifier's refusal is called, or `gone`. */
export const postAt =
	(replica: Replica): Post =>
	async (at, body) => {
		const answer = await replica.call('POST', at, JSON.parse(body) as object);
		if (answer?.status === 200) return answer.body;
		throw new Error(answer?.body.code ?? 'gone');
	};

/** The one that leads, and the other; waits until one does. */
export async function leaderOf<R extends Replica>([one, two]: readonly [R, R]): Promise<{
	readonly leader: R;
	readonly other: R;
}> {
	const found = await until(
		async () => [await one.leads(), await two.leads()],
		leads => leads.some(Boolean),
		patience,
	);
	return found[0] ? { leader: one, other: two } : { leader: two, other: one };
}
