import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createVerifierClient, type VerifierClient } from '../../attest/client.ts';
import { goodPolicy } from '../../attest/node.fixture.ts';
import { type SoftAgent, startSoftRegistrar } from '../../attest/soft-agent.fixture.ts';
import { systemClock } from '../../common/clock.ts';
import { hashPassword } from '../../common/identity/passwords.ts';
import { createAuthority, issueServerCertificate } from '../../common/identity/site-ca.ts';
import { startPostgres } from '../../common/store/postgres-server.fixture.ts';
import { type ServerProcess, startServer } from '../harness/server-process.ts';

type Verifier = ServerProcess<{ readonly url: string; readonly ops: string }>;

export interface VerifierSite {
	/** PEM. */
	readonly ca: string;
	readonly verifiers: readonly Verifier[];
	/** An administrator's, of the first. */
	readonly client: VerifierClient;
	/** Bytes in the store's files; NaN for a database. */
	storeSize(): Promise<number>;
	close(): Promise<void>;
}

export const project = 'red';

/** Verifiers as a tenant runs them, over TLS, and for a registrar something that knows these agents' keys. */
export async function startVerifiers(
	agents: readonly SoftAgent[],
	{ count, store }: { readonly count: number; readonly store: 'file' | 'postgres' },
): Promise<VerifierSite> {
	const ends: (() => unknown)[] = [];
	const close = async (): Promise<void> => {
		for (const end of ends.splice(0).reverse()) await end();
	};
	try {
		const folder = await mkdtemp(join(tmpdir(), 'bimetal-bench-attest-'));
		ends.push(() => rm(folder, { recursive: true }));
		const registrar = await startSoftRegistrar(agents);
		ends.push(() => registrar.close());
		const authority = await createAuthority({ name: 'bench', clock: systemClock });
		const server = await issueServerCertificate({
			...{ authority, names: ['localhost'], addresses: ['127.0.0.1'], clock: systemClock },
		});
		const password = randomBytes(16).toString('hex');
		const postgres = store === 'postgres' ? await startPostgres() : undefined;
		if (postgres) ends.push(() => postgres.close());
		const { patience: _patience, ...database } = postgres?.options('attest') ?? {};
		const site = {
			store: postgres ? { postgres: database } : { file: 'attest.db' },
			listen: { port: 0 },
			tls: { certificate: 'tls.pem', key: 'tls.key' },
			users: { accounts: 'accounts.yaml' },
			verifier: { registrar: { url: registrar.url, username: 'admin', password: 'password' } },
			key: 'attest.key',
		};
		const account = `{ name: admin, password: "${await hashPassword(password)}", admin: true }`;
		const files = {
			...{ 'tls.pem': server.certificatePem, 'tls.key': server.keyPem, password },
			'accounts.yaml': `accounts: [${account}]\n`,
			'attest.yaml': JSON.stringify(site),
		};
		for (const [name, text] of Object.entries(files))
			await writeFile(join(folder, name), text, { mode: 0o600 });
		const verifiers: Verifier[] = [];
		for (let started = 0; started < count; started++) {
			const made: Verifier = await startServer('attest', { config: join(folder, 'attest.yaml') });
			verifiers.push(made);
			ends.push(() => made.close());
		}
		const client = createVerifierClient({
			url: verifiers[0]?.ready.url ?? '',
			ca: authority.certificatePem,
			credential: { username: 'admin', password },
			timeout: 60_000,
		});
		ends.push(() => client.close());
		await client.setPolicy(project, 'default', goodPolicy);
		return {
			ca: authority.certificatePem,
			verifiers,
			client,
			async storeSize() {
				const of = async (name: string) => (await stat(join(folder, name))).size;
				return postgres ? Number.NaN : (await of('attest.db')) + (await of('attest.db-wal'));
			},
			close,
		};
	} catch (fault) {
		await close();
		throw fault;
	}
}
