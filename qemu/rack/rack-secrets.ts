import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../../common/clock.ts';
import { openAuthority, openServerCertificate } from '../../common/identity/authority-store.ts';
import { generatePassword } from '../../common/identity/passwords.ts';
import { makeFolderDurably, writeFileDurably } from '../../common/store/durable-file.ts';
import type { TlsIdentity } from '../redfish/http-server.ts';

/** What a BMC, or the PDU, is reached with. */
export interface RackCredential {
	readonly username: string;
	readonly password: string;
	/** Path of the file that holds it. */
	readonly passwordFile: string;
}

/** The certificates and accounts of one rack: made at its first start, found again at every later one. */
export interface RackSecrets {
	/** Path of the certificate of the rack's own authority, for clients. */
	readonly caFile: string;
	/** By the names that were asked for. */
	readonly tls: Readonly<Record<string, TlsIdentity>>;
	readonly credentials: Readonly<Record<string, RackCredential>>;
}

/** Everything is below `folder`, readable by its owner alone. */
export async function openRackSecrets(options: {
	readonly folder: string;
	readonly title: string;
	/** Of the BMCs and the PDU. */
	readonly names: readonly string[];
	/** Where they listen. */
	readonly host: string;
	readonly clock: Clock;
}): Promise<RackSecrets> {
	const { folder, names, host, clock } = options;
	const caFolder = join(folder, 'ca');
	const authority = await openAuthority({ folder: caFolder, name: 'rack', title: options.title, clock });
	const opened = await Promise.all(
		names.map(async name => {
			const identity = await openServerCertificate({
				folder: join(folder, 'certificates'),
				name,
				authority,
				names: [`bmc.${name}.localhost`],
				addresses: [...new Set([host, '127.0.0.1'])],
				clock,
			});
			const tls = { key: identity.keyPem, cert: identity.certificatePem };
			const passwordFile = join(folder, 'secrets', name);
			const password = await openPassword(passwordFile);
			return { name, tls, credential: { username: 'root', password, passwordFile } };
		}),
	);
	return {
		caFile: join(caFolder, 'rack.crt.pem'),
		tls: Object.fromEntries(opened.map(({ name, tls }) => [name, tls])),
		credentials: Object.fromEntries(opened.map(({ name, credential }) => [name, credential])),
	};
}

async function openPassword(path: string): Promise<string> {
	const kept = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
		if (error.code === 'ENOENT') return undefined;
		throw error;
	});
	if (kept !== undefined) return kept.trim();
	await makeFolderDurably(dirname(path));
	const password = generatePassword();
	await writeFileDurably(path, `${password}\n`, 0o600);
	return password;
}
