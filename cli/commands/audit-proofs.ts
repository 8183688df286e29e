import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { readCheckpoint } from '../../proxy/audit/checkpoint.ts';
import { compareLogs, type Place } from '../../proxy/audit/compare-logs.ts';
import { keyOfCopy, openCopy } from '../../proxy/audit/log-copy.ts';
import { checkInclusion, type InclusionDocument, inclusionDocument } from '../../proxy/audit/proof.ts';
import { type NoteVerifier, parseVerifier } from '../../proxy/audit/signed-note.ts';
import { withConnection } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { usageError } from '../failure.ts';
import { painter, printJson, printLine } from '../output.ts';
import { visible } from '../visible.ts';
import { type CheckProofOptions, existing, keyIn, type ProveOptions } from './audit-options.ts';

/** `bimetal audit compare ONE OTHER` */
export async function compare(
	context: CliContext,
	one: string,
	other: string,
	options: { readonly key?: string; readonly json?: boolean },
): Promise<number> {
	const [first, second] = [one, other].map(given => existing(context, given, 'two copies, or a checkpoint'));
	const found = await compareLogs(String(first), String(second), keyIn(context, options.key));
	const code = found.kind === 'same' ? exitCodes.ok.code : exitCodes.fault.code;
	if (options.json) {
		printJson(context, found.kind === 'parted' ? { ...found, places: found.places.map(plain) } : found);
		return code;
	}
	const paint = painter(context);
	switch (found.kind) {
		case 'same': {
			const more = found.more.flatMap((count, side) =>
				count === 0 ? [] : [`${visible(side === 0 ? one : other)} has ${count} more`],
			);
			printLine(
				context,
				`${paint('green', 'The same')} ${found.records} records. ${more.join(', ')}`.trimEnd(),
			);
			break;
		}
		case 'parted':
			printLine(
				context,
				`${paint('red', 'Two histories')}: they part ${found.seq === null ? 'somewhere before' : `at record ${found.seq}`}`,
			);
			for (const { file, line, checkpoint } of found.places) {
				const signed = checkpoint
					? `signed at ${checkpoint.time} (${checkpoint.size} records)`
					: 'not signed';
				printLine(context, `  ${visible(file)}:${line}: ${signed}`);
			}
			break;
		case 'damaged':
			printLine(
				context,
				`${paint('red', 'Not what was written')}: ${visible(found.file)}:${found.line}: ${visible(found.reason)}`,
			);
			break;
		case 'unknown':
			printLine(context, `${paint('yellow', 'Cannot be told')}: ${visible(found.reason)}`);
	}
	return code;
}

const plain = ({ file, line, checkpoint }: Place) => ({ file, line, checkpoint: checkpoint?.note ?? null });

/** `bimetal audit prove NUMBER [--copy FOLDER]`: one JSON document, whether or not --json is given. */
export async function prove(context: CliContext, seq: number, options: ProveOptions): Promise<number> {
	const document =
		options.copy === undefined
			? await withConnection(context, options, async ({ client: { audit } }) => {
					const [key, checkpoint] = [await audit.key(), await audit.checkpoint()];
					const verifier = parseVerifier(key);
					const size = (verifier && readCheckpoint(checkpoint, verifier)?.size) ?? 0;
					if (seq > size) throw notThere(seq, size);
					const [record] = await audit.records(seq - 1, 1);
					if (record === undefined) throw notThere(seq, size);
					return { key, checkpoint, record, path: [...(await audit.inclusion(seq, size))] };
				})
			: await proveFromCopy(context, seq, existing(context, options.copy, 'a copy of the log'));
	const verifier = parseVerifier(document.key);
	const proven = verifier && checkInclusion(document, verifier);
	if (!proven?.ok) {
		const reason = proven?.reason ?? 'there is no key';
		throw new BimetalError('BadAnswer', `the log does not prove its record ${seq}: ${reason}`, {
			status: 502,
		});
	}
	printJson(context, document);
	return exitCodes.ok.code;
}

async function proveFromCopy(context: CliContext, seq: number, folder: string): Promise<InclusionDocument> {
	const verifier = await keyOfCopy(folder);
	if (!verifier) throw usageError(`${folder} is no copy of a signed log`, "'audit follow' makes one");
	const copy = await openCopy({ folder, clock: context.clock, verifier });
	try {
		const signed = copy.signed();
		const record = await copy.line(seq);
		if (!signed || record === undefined || seq > signed.size) throw notThere(seq, signed?.size ?? 0);
		const hashes = await copy.inclusion(seq, signed.size);
		return {
			key: verifier.text,
			checkpoint: signed.note,
			record,
			path: hashes.map(hash => Buffer.from(hash).toString('base64')),
		};
	} finally {
		await copy.close();
	}
}

const notThere = (seq: number, size: number) =>
	new BimetalError('NoSuchRecord', `there is no record ${seq} among the ${size} that are signed`, {
		status: 404,
	});

const side = z.object({
	checkpoint: z.string().nullable(),
	record: z.string().nullable(),
	path: z.array(z.string()).nullable(),
});
const evidenceDocument = z.object({ kind: z.literal('parting'), key: z.string(), ours: side, theirs: side });

/** `bimetal audit check-proof FILE [--key FILE]`: offline. */
export async function checkProof(
	context: CliContext,
	given: string,
	options: CheckProofOptions,
): Promise<number> {
	const file = existing(context, given, "what 'audit prove' printed, in a file");
	const document = readDocument(file, await readFile(file, 'utf8'));
	const known = keyIn(context, options.key);
	const verifier = known ?? parseVerifier(document.key);
	if (!verifier) throw usageError(`${file} names no key`, "--key FILE with the log's public key");
	const result = 'kind' in document ? checkEvidence(document, verifier) : checkRecord(document, verifier);
	if (options.json) printJson(context, { ...result, key: verifier.text });
	else {
		const paint = painter(context);
		const { ok, text } = result;
		printLine(context, `${ok ? paint('green', 'Proven') : paint('red', 'Not proven')}: ${visible(text)}`);
		printLine(context, `Key: ${visible(verifier.text)}`);
		if (!known)
			printLine(context, 'It is the one in the proof: hold it against the one that you were given (--key).');
		if (result.record) printLine(context, visible(result.record));
	}
	return result.ok ? exitCodes.ok.code : exitCodes.fault.code;
}

interface Checked {
	readonly ok: boolean;
	readonly text: string;
	readonly record?: string;
}

function checkRecord(document: InclusionDocument, verifier: NoteVerifier): Checked {
	const proven = checkInclusion(document, verifier);
	if (!proven.ok) return { ok: false, text: proven.reason };
	const { sealed, checkpoint } = proven;
	const text = `record ${sealed.seq} is in the log of ${checkpoint.size} records, signed at ${checkpoint.time}`;
	return { ok: true, text, record: document.record };
}

/** Two different records of one number, both signed for: nobody but the key's holder can have done that. */
function checkEvidence(document: z.infer<typeof evidenceDocument>, verifier: NoteVerifier): Checked {
	const [ours, theirs] = [document.ours, document.theirs].map(({ checkpoint, record, path: hashes }) =>
		checkpoint === null || record === null || hashes === null
			? ({ ok: false, reason: 'a side has no proof' } as const)
			: checkInclusion({ key: document.key, checkpoint, record, path: hashes }, verifier),
	);
	if (!ours?.ok || !theirs?.ok) {
		const reason = ours && !ours.ok ? ours.reason : theirs && !theirs.ok ? theirs.reason : '';
		return { ok: false, text: `two histories are not proven by this file alone: ${reason}` };
	}
	if (ours.sealed.seq !== theirs.sealed.seq || ours.sealed.hash === theirs.sealed.hash) {
		return { ok: false, text: 'both sides show the same record' };
	}
	const times = `at ${ours.checkpoint.time} and at ${theirs.checkpoint.time}`;
	return { ok: true, text: `the log's key signed two different records ${ours.sealed.seq}, ${times}` };
}

function readDocument(file: string, text: string) {
	try {
		const json: unknown = JSON.parse(text);
		const evidence = evidenceDocument.safeParse(json);
		return evidence.success ? evidence.data : inclusionDocument.parse(json);
	} catch {
		throw usageError(`${path.basename(file)} is no proof`, "what 'audit prove' printed, in a file");
	}
}
