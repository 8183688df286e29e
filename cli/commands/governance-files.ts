import { lstat, readFile } from 'node:fs/promises';
import path from 'node:path';
import { makeFolderDurably, writeFileDurably } from '../../common/store/durable-file.ts';
import { type Agreement, agreementFile, readAgreement } from '../../proxy/governance/agreement.ts';
import { readSnapshot } from '../../proxy/governance/read-snapshot.ts';
import type { SignedFiles } from '../../proxy/governance/sign-part.ts';
import type { Snapshot } from '../../proxy/governance/snapshot.ts';
import { readNamedFile } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { usageError } from '../failure.ts';

export interface SignableFolder {
	readonly folder: string;
	readonly snapshot: Snapshot;
	readonly agreement: Agreement;
}

/** A policy folder with its agreement; what is wrong with either is the user's to mend. */
export async function readSignable(context: CliContext, given: string | undefined): Promise<SignableFolder> {
	const folder = path.resolve(context.cwd, given ?? 'policies');
	const file = path.join(folder, agreementFile);
	const text = await readFile(file, 'utf8').catch(() => undefined);
	if (text === undefined) {
		throw usageError(
			`there is no ${file}`,
			'write the founding agreement there; docs/governance.md has an example',
		);
	}
	const agreement = readAgreement(file, text);
	return { folder, agreement, snapshot: await readSnapshot(folder, Object.keys(agreement.parties)) };
}

/** A party's private key; a file that others may read is refused. */
export async function readKeyFile(context: CliContext, file: string): Promise<string> {
	const text = await readNamedFile(context, file, 'signing key');
	const { mode } = await lstat(path.resolve(context.cwd, file));
	if ((mode & 0o077) !== 0)
		throw usageError(`others than its owner have rights on the signing key ${file}`, `chmod 600 ${file}`);
	return text;
}

/** Writes the manifest and the signatures, and removes those of others that no longer fit. */
export async function writeSigned(
	folder: string,
	signed: Pick<SignedFiles, 'files' | 'stale'>,
): Promise<void> {
	const { rm } = await import('node:fs/promises');
	for (const name of signed.stale) await rm(path.join(folder, name), { force: true });
	await writeFiles(folder, signed.files);
}

export async function writeFiles(folder: string, files: Snapshot): Promise<void> {
	for (const [name, text] of files) {
		const file = path.join(folder, name);
		await makeFolderDurably(path.dirname(file));
		await writeFileDurably(file, text, 0o644);
	}
}

/** `HSO`, however it was typed. */
export function partyOf(agreement: Agreement, given: string | undefined): string {
	const party = given?.toUpperCase() ?? '';
	if (Object.hasOwn(agreement.parties, party)) return party;
	const names = Object.keys(agreement.parties);
	throw usageError(
		given === undefined ? 'for which party?' : `${given} is no party of the agreement`,
		names.map(name => `--party ${name}`).join(' or '),
	);
}
