import { X509Certificate } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { BimetalError } from '../errors/bimetal-error.ts';
import { makeFolderDurably, writeFileDurably } from '../store/durable-file.ts';
import { belongTogether, createAuthority, type Identity, issueServerCertificate } from './site-ca.ts';

/** Where identities are kept: `<name>.key.pem` (mode 0600) and `<name>.crt.pem` (mode 0644). */
export interface IdentityPlace {
	readonly folder: string;
	/** A file name's start: letters, digits, `.`, `_`, `-`. */
	readonly name: string;
}

const day = 24 * 60 * 60 * 1000;
/** A server certificate with less left is replaced when it is opened. */
const renewBefore = 30 * day;

/** The authority kept there, made and written durably at the first time. Throws as `loadIdentity`. */
export async function openAuthority(
	options: IdentityPlace & { readonly title: string; readonly clock: Clock },
): Promise<Identity> {
	const kept = await loadIdentity(options);
	if (kept) return kept;
	const made = await createAuthority({ name: options.title, clock: options.clock });
	await keepIdentity(options, made);
	return made;
}

/**
 * The server certificate kept there; made again when there is none, when it is of another authority or for
 * other names, or has less than 30 days to go. Throws as `loadIdentity`.
 */
export async function openServerCertificate(
	options: IdentityPlace & {
		readonly authority: Identity;
		readonly names: readonly string[];
		readonly addresses?: readonly string[];
		readonly days?: number;
		readonly clock: Clock;
	},
): Promise<Identity> {
	const kept = await loadIdentity(options);
	if (kept && serves(kept, options)) return kept;
	const made = await issueServerCertificate(options);
	await keepIdentity(options, made);
	return made;
}

function serves(
	kept: Identity,
	wanted: { authority: Identity; names: readonly string[]; addresses?: readonly string[]; clock: Clock },
): boolean {
	const certificate = new X509Certificate(kept.certificatePem);
	const root = new X509Certificate(wanted.authority.certificatePem);
	return (
		certificate.checkIssued(root) &&
		certificate.verify(root.publicKey) &&
		Date.parse(certificate.validTo) - wanted.clock.now() > renewBefore &&
		wanted.names.every(name => certificate.checkHost(name) !== undefined) &&
		(wanted.addresses ?? []).every(address => certificate.checkIP(address) !== undefined)
	);
}

/**
 * Undefined when nothing is kept there. Throws a BimetalError: KeyExposed when others than the owner may read
 * or write the key; IdentityIncomplete when the certificate has lost its key; IdentityInvalid when the two do
 * not belong together. A key without a certificate is what a crash leaves of a first start: nothing is kept yet.
 */
export async function loadIdentity(place: IdentityPlace): Promise<Identity | undefined> {
	const { key, certificate } = pathsOf(place);
	const certificatePem = await unlessMissing(readFile(certificate, 'utf8'));
	if (certificatePem === undefined) return undefined;
	const keyPem = await unlessMissing(readPrivately(key));
	if (keyPem === undefined) throw fault('IdentityIncomplete', `${certificate} has no ${key} to it`);
	let together: boolean;
	try {
		together = belongTogether({ certificatePem, keyPem });
	} catch (cause) {
		throw fault('IdentityInvalid', `${certificate} or ${key} cannot be read`, cause);
	}
	if (!together) throw fault('IdentityInvalid', `${key} is not the key of ${certificate}`);
	return { certificatePem, keyPem };
}

/** Writes the key first: a certificate on disk always has one. */
export async function keepIdentity(place: IdentityPlace, identity: Identity): Promise<void> {
	const { key, certificate } = pathsOf(place);
	await makeFolderDurably(place.folder);
	await writeFileDurably(key, identity.keyPem, 0o600);
	await writeFileDurably(certificate, identity.certificatePem, 0o644);
}

function pathsOf({ folder, name }: IdentityPlace): { key: string; certificate: string } {
	if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name))
		throw fault('IdentityInvalid', `${name} cannot name a file`);
	return { key: join(folder, `${name}.key.pem`), certificate: join(folder, `${name}.crt.pem`) };
}

async function readPrivately(path: string): Promise<string> {
	const file = await open(path, 'r');
	try {
		const { mode } = await file.stat();
		if ((mode & 0o077) !== 0)
			throw fault('KeyExposed', `${path} must not be accessible to others: chmod 600 it`);
		return await file.readFile('utf8');
	} finally {
		await file.close();
	}
}

async function unlessMissing<T>(reading: Promise<T>): Promise<T | undefined> {
	try {
		return await reading;
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
		throw error;
	}
}

function fault(code: string, message: string, cause?: unknown): BimetalError {
	return new BimetalError(code, message, { expose: false, cause });
}
