import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { systemClock } from '../../common/clock.ts';
import { createAuthority, issueServerCertificate } from '../../common/identity/site-ca.ts';
import { runProgram } from '../run-program.ts';
import { createKeystoneApi, type KeystoneApi } from './keystone-api.ts';

/** OpenStack's Keystone, Debian's package unmodified, as a process of its own with a database and keys of its own. */
export interface RealKeystone {
	/** `https://127.0.0.1:PORT/v3` */
	readonly url: string;
	/** The file and the text of the certificate to trust. */
	readonly caFile: string;
	readonly ca: string;
	/** Of the cloud's administrator, `admin` of the project `admin`. */
	readonly adminPassword: string;
	/** As that administrator. */
	readonly api: KeystoneApi;
	/** kill -9. */
	kill(): Promise<void>;
	close(): Promise<void>;
}

const serve = fileURLToPath(new URL('serve.py', import.meta.url));

export async function startKeystone(): Promise<RealKeystone> {
	const folder = await mkdtemp(join(tmpdir(), 'keystone-'));
	let server: ChildProcess | undefined;
	const kill = async (): Promise<void> => {
		if (!server || server.exitCode !== null || server.signalCode !== null) return;
		const ended = once(server, 'exit');
		server.kill('SIGKILL');
		await ended;
	};
	const close = async (): Promise<void> => {
		await kill();
		await rm(folder, { recursive: true, force: true });
	};
	try {
		const config = await writeConfig(folder);
		const env = { OS_KEYSTONE_CONFIG_FILES: config, PYTHONDONTWRITEBYTECODE: '1' };
		const adminPassword = randomBytes(16).toString('hex');
		const [uid = 0, gid = 0] = [process.getuid?.(), process.getgid?.()];
		const owner = ['--keystone-user', String(uid), '--keystone-group', String(gid)];
		for (const step of [['db_sync'], ['fernet_setup', ...owner], ['bootstrap']]) {
			const { code, stderr } = await runProgram(
				'/usr/bin/keystone-manage',
				['--config-file', config, ...step],
				{
					// Not an argument: those are for all to see.
					env: { ...env, OS_BOOTSTRAP_PASSWORD: adminPassword },
				},
			);
			if (code !== 0)
				throw new Error(`keystone-manage ${step[0]} ended with ${code}: ${stderr.slice(-2000)}`);
		}
		letReadersBe(join(folder, 'keystone.db'));
		const authority = await createAuthority({ name: 'Keystone', clock: systemClock });
		const identity = await issueServerCertificate({
			authority,
			names: ['localhost'],
			addresses: ['127.0.0.1'],
			clock: systemClock,
		});
		const files = {
			ca: join(folder, 'ca.pem'),
			certificate: join(folder, 'tls.pem'),
			key: join(folder, 'tls.key'),
		};
		await writeFile(files.ca, authority.certificatePem);
		await writeFile(files.certificate, identity.certificatePem);
		await writeFile(files.key, identity.keyPem, { mode: 0o600 });
		// Debian's own Python: another one on the PATH does not know Debian's packages.
		server = spawn('/usr/bin/python3', [serve, files.certificate, files.key], {
			env: { ...process.env, ...env },
			// Its standard input ends with this process, and it ends with that.
			stdio: ['pipe', 'pipe', 'ignore'],
		});
		const url = `https://127.0.0.1:${await portOf(server)}/v3`;
		const ca = authority.certificatePem;
		const api = await createKeystoneApi({ url, ca, password: adminPassword });
		return {
			url,
			caFile: files.ca,
			ca,
			adminPassword,
			api,
			kill,
			async close() {
				await api.close();
				await close();
			},
		};
	} catch (fault) {
		await close();
		throw fault;
	}
}

/**
 * It keeps a cache in its own process, which it empties itself when something changes: without one, what it is asked of a
 * token costs it 500 questions to its database, and half a second. Hashes cost as little as they can.
 */
async function writeConfig(folder: string): Promise<string> {
	for (const name of ['fernet', 'credential']) await mkdir(join(folder, name), { mode: 0o700 });
	const file = join(folder, 'keystone.conf');
	await writeFile(
		file,
		`[database]
connection = sqlite:///${join(folder, 'keystone.db')}
[token]
provider = fernet
[fernet_tokens]
key_repository = ${join(folder, 'fernet')}
[fernet_receipts]
key_repository = ${join(folder, 'fernet')}
[credential]
key_repository = ${join(folder, 'credential')}
[resource]
admin_project_domain_name = Default
admin_project_name = admin
[cache]
enabled = true
backend = dogpile.cache.memory
[identity]
password_hash_rounds = 4
`,
	);
	return file;
}

/** Keystone reads by one connection while it commits by another, which without a WAL shuts itself out. */
function letReadersBe(file: string): void {
	const database = new DatabaseSync(file);
	database.exec('PRAGMA journal_mode = WAL');
	database.close();
}

const listening = z.strictObject({ port: z.int() });

async function portOf(server: ChildProcess): Promise<number> {
	if (!server.stdout) throw new Error('no standard output');
	const lines = createInterface({ input: server.stdout });
	const [line] = (await Promise.race([
		once(lines, 'line', { signal: AbortSignal.timeout(120_000) }),
		once(server, 'exit').then(([code]) => {
			throw new Error(`Keystone ended with ${code} before it listened`);
		}),
	])) as [string];
	return listening.parse(JSON.parse(line)).port;
}
