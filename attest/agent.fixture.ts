// What an agent on a node does, with a TPM that we did not write.
import { createHmac, X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { EndorsementTrust } from './certificates/endorsement-certificate.ts';
import { keyFingerprint } from './certificates/fingerprint.ts';
import { recorded, recordedExtends } from './recorded-boot.fixture.ts';
import { EK, type SoftwareTpm } from './tpm/software-tpm.fixture.ts';

export interface ShownKeys {
	readonly ek: string;
	readonly ekCertificate: string;
	readonly ak: string;
}

/** Makes an attestation key, `NAME.ctx` and `NAME.pub`, below the endorsement key. */
export async function makeKey(tpm: SoftwareTpm, name = 'ak', ek: string = EK.ecc): Promise<void> {
	await tpm.tool(
		'tpm2_createak',
		...['-C', ek, '-c', `${name}.ctx`, '-G', 'ecc', '-g', 'sha256', '-s', 'ecdsa', '-u', `${name}.pub`],
		...['-f', 'tss', '-n', `${name}.name`],
	);
}

/** What is sent to the registrar. */
export async function shownKeys(tpm: SoftwareTpm, name = 'ak'): Promise<ShownKeys> {
	await tpm.tool('tpm2_readpublic', '-c', EK.ecc, '-o', 'ek.pub', '-f', 'tss');
	const text = async (file: string) => (await tpm.read(file)).toString('base64');
	return {
		ek: await text('ek.pub'),
		ekCertificate: (await tpm.ekCertificate('ecc')).toString('base64'),
		ak: await text(`${name}.pub`),
	};
}

/** What an administrator enrols. */
export async function fingerprintOf(tpm: SoftwareTpm): Promise<string> {
	return keyFingerprint(new X509Certificate(await tpm.ekCertificate('ecc')).publicKey);
}

/** The answer to a credential: only this TPM finds it, and only with that key. */
export async function answerTo(
	tpm: SoftwareTpm,
	{ credential, registration }: Record<string, unknown>,
	name = 'ak',
): Promise<string> {
	const secret = await activate(tpm, String(credential), name);
	return createHmac('sha256', secret).update(String(registration)).digest('hex');
}

/** What a credential holds, in base64: only this TPM finds it, and only with that key. */
export async function activate(tpm: SoftwareTpm, credential: string, name = 'ak'): Promise<Buffer> {
	await writeFile(path.join(tpm.folder, 'credential'), Buffer.from(credential, 'base64'));
	await tpm.tool(
		'tpm2_activatecredential',
		...['-c', `${name}.ctx`, '-C', EK.ecc, '-i', 'credential', '-o', 'secret'],
	);
	return tpm.read('secret');
}

export function trustOf(...tpms: readonly SoftwareTpm[]): EndorsementTrust {
	const der = (pem: Buffer) => new X509Certificate(pem).raw;
	return {
		roots: tpms.map(({ authority }) => der(authority.root)),
		intermediates: tpms.map(({ authority }) => der(authority.issuer)),
	};
}

/** Measures into the TPM what the recorded boot did, and the first `entries` entries of its IMA list. */
export const boot = (tpm: SoftwareTpm, entries: number): Promise<void> =>
	extend(tpm, recordedExtends(entries));

/** Extends PCRs, in this order. */
export async function extend(
	tpm: SoftwareTpm,
	digests: readonly (readonly [pcr: number, digest: Buffer])[],
): Promise<void> {
	const args = digests.map(([pcr, digest]) => `${pcr}:sha256=${digest.toString('hex')}`);
	for (let from = 0; from < args.length; from += 50)
		await tpm.tool('tpm2_pcrextend', ...args.slice(from, from + 50));
}

/**
 * Turns the TPM off and on, as a boot does. `state`: the system has ordered it to keep its state, and then boots anew
 * all the same (TPM Restart): PCRs begin anew, keys stay.
 */
export async function reboot(tpm: SoftwareTpm, order: 'clear' | 'state'): Promise<void> {
	await tpm.tool('tpm2_shutdown', ...(order === 'clear' ? ['-c'] : []));
	await tpm.turnOffAndOn();
	await tpm.tool('tpm2_startup', '-c');
}

/** A quote as agents make it, of these PCRs and for these bytes. */
export async function quote(
	tpm: SoftwareTpm,
	{ pcrs, qualifying, key = 'ak.ctx' }: { pcrs: readonly number[]; qualifying: Buffer; key?: string },
): Promise<{ message: Buffer; signature: Buffer; pcrs: Buffer }> {
	await tpm.tool(
		'tpm2_quote',
		...['-c', key, '-l', `sha256:${pcrs.join(',')}`, '-q', qualifying.toString('hex'), '-g', 'sha256'],
		...['-m', 'message', '-s', 'signature', '-o', 'pcrs', '--pcrs_format=values'],
	);
	const [message, signature] = [await tpm.read('message'), await tpm.read('signature')];
	return { message, signature, pcrs: await tpm.read('pcrs') };
}

/** The list from an entry on, as a node that has measured so many would show it. */
export const imaList = (first: number, end: number): string =>
	recorded.ima
		.split('\n')
		.slice(first, end)
		.map(line => `${line}\n`)
		.join('');
