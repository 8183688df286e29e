import { randomUUID } from 'node:crypto';
import { chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestFn } from 'ava';
import { type Child, endChildren, startChild } from '../processes/children.ts';
import { connectPostgres } from './postgres-connection.ts';
import type { PostgresOptions } from './postgres-options.ts';

/** Debian's PostgreSQL 15, in a folder of its own, reached by a UNIX socket there. */
export interface TestPostgres {
	/** The options of a schema; without a name of one that nobody has used. Over its UNIX socket. */
	options(schema?: string): PostgresOptions;
	/** As a machine does that loses its power: nothing is brought to an end, and the log is what is left. */
	crash(): Promise<void>;
	start(): Promise<void>;
	/** Statements of the database's owner, in a session of their own. */
	administer(sql: string): Promise<void>;
	/** Its folder, in which files may be put. */
	readonly folder: string;
	close(): Promise<void>;
}

const programs = '/usr/lib/postgresql/15/bin';
/** Milliseconds for it to be made, to start and to stop, on a machine with much else to do. */
const patience = 60_000;

/** What it listens with on 127.0.0.1 too, on a port of its own, for TLS and nothing else. */
export interface ServerTls {
	readonly port: number;
	readonly certificatePem: string;
	readonly keyPem: string;
}

export async function startPostgres(tls?: ServerTls): Promise<TestPostgres> {
	const folder = await mkdtemp(join(tmpdir(), 'bimetal-postgres-'));
	const run = `postgres-${randomUUID().slice(0, 8)}`;
	try {
		return await start(folder, run, tls);
	} catch (fault) {
		await endChildren(run);
		await rm(folder, { recursive: true, force: true });
		throw fault;
	}
}

/** One for all tests of a file that ask for it; it ends with them. */
export function sharedPostgres(test: TestFn): () => Promise<TestPostgres> {
	let started: Promise<TestPostgres> | undefined;
	test.after.always(async () => (await started)?.close());
	return () => {
		started ??= startPostgres();
		return started;
	};
}

async function start(folder: string, run: string, tls: ServerTls | undefined): Promise<TestPostgres> {
	const at = (name: string): string => join(folder, name);
	const as = await ownUser();
	const password = at('password');
	await writeFile(password, `${randomUUID()}\n`, { mode: 0o600 });
	for (const file of as ? [folder, password] : []) await chown(file, as?.user ?? 0, as?.group ?? 0);
	const settings = { run, folder, ...(as && { as: { ...as, capabilities: [] } }) };
	const made = await startChild(
		`${programs}/initdb`,
		[
			...['-D', at('data'), '-U', 'bimetal', '--auth=scram-sha-256', `--pwfile=${password}`],
			...['-E', 'UTF8', '--locale=C', '--no-sync', '--no-instructions'],
		],
		settings,
	);
	const { code } = await made.exited;
	if (code !== 0) throw new Error(`initdb: ${made.errorLines().join('; ')}`);

	const port = tls?.port ?? 5432;
	if (tls) {
		const files = { [at('data/server.crt')]: tls.certificatePem, [at('data/server.key')]: tls.keyPem };
		for (const [file, pem] of Object.entries(files)) {
			await writeFile(file, pem, { mode: 0o600 });
			if (as) await chown(file, as.user, as.group);
		}
		const local = 'local all all scram-sha-256';
		await writeFile(at('data/pg_hba.conf'), `${local}\nhostssl all all 127.0.0.1/32 scram-sha-256\n`);
	}
	let server: Child | undefined;
	const options = (schema = `s${randomUUID().replaceAll('-', '')}`): PostgresOptions => ({
		...{ host: folder, port, database: 'postgres', user: 'bimetal', password, schema },
		patience: 20_000,
	});
	async function administer(sql: string): Promise<void> {
		const connection = await connectPostgres(options('public'));
		await connection.run(sql).finally(() => connection.end());
	}
	async function stop(signal: 'SIGINT' | 'SIGQUIT'): Promise<void> {
		if (!server) return;
		process.kill(server.pid, signal);
		await server.exited;
		server = undefined;
	}
	const postgres: TestPostgres = {
		folder,
		options,
		administer,
		async start() {
			server = await startChild(
				`${programs}/postgres`,
				[
					...['-D', at('data'), '-k', folder, '-p', String(port), '-c', 'max_connections=30'],
					...(tls ? ['-c', 'listen_addresses=127.0.0.1', '-c', 'ssl=on'] : ['-c', 'listen_addresses=']),
					...['-c', 'shared_buffers=16MB', '-c', 'max_wal_size=64MB'],
				],
				settings,
			);
			let hasEnded = false;
			void server.exited.then(() => {
				hasEnded = true;
			});
			for (const end = Date.now() + patience; ; ) {
				try {
					return await administer('SELECT 1');
				} catch (fault) {
					if (hasEnded || Date.now() > end)
						throw new Error(`postgres: ${server.errorLines().join('; ')}`, { cause: fault });
				}
				await new Promise(resolve => setTimeout(resolve, 50));
			}
		},
		// An immediate shutdown: as after a crash, it recovers from its log. SIGKILL would leave shared memory behind.
		crash: () => stop('SIGQUIT'),
		async close() {
			await stop('SIGINT');
			await endChildren(run);
			await rm(folder, { recursive: true });
		},
	};
	await postgres.start();
	return postgres;
}

/** It refuses to be root's: then it runs as the user that its Debian package makes. */
async function ownUser(): Promise<{ user: number; group: number } | undefined> {
	if (process.getuid?.() !== 0) return undefined;
	const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find(each => each.startsWith('postgres:'));
	const [, , user, group] = line?.split(':') ?? [];
	if (user === undefined || group === undefined) throw new Error('there is no user postgres');
	return { user: Number(user), group: Number(group) };
}
