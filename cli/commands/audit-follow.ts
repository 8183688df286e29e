import path from 'node:path';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { keepEvidence } from '../../proxy/audit/evidence.ts';
import { followOnce, type Parting } from '../../proxy/audit/follow-log.ts';
import { keyOfCopy, type LogCopy, openCopy } from '../../proxy/audit/log-copy.ts';
import { type NoteVerifier, parseVerifier } from '../../proxy/audit/signed-note.ts';
import type { AuditCalls } from '../../proxy/client.ts';
import { withConnection } from '../connection.ts';
import { type CliContext, commandName } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { painter, printJson, printLine } from '../output.ts';
import { visible } from '../visible.ts';
import { type FollowOptions, keyIn } from './audit-options.ts';

/** Milliseconds between two looks, and at most when the proxy cannot be reached. */
const interval = 5000;
const longestWait = 60_000;

/** `bimetal audit follow --copy FOLDER` */
export function follow(context: CliContext, options: FollowOptions): Promise<number> {
	const signal = context.interruption();
	const work = async ({ client }: { client: { audit: AuditCalls } }): Promise<number> => {
		const folder = path.resolve(context.cwd, options.copy);
		const { verifier, isNew } = await keyFor(context, folder, options, client.audit);
		const copy = await openCopy({ folder, clock: context.clock, verifier });
		try {
			if (isNew) sayFirstUse(context, verifier);
			return await followOn(context, copy, client.audit, options, signal);
		} finally {
			await copy.close();
		}
	};
	return withConnection(context, options, work, signal).catch(error => {
		// Ctrl-C is how following ends.
		if (error instanceof BimetalError && error.code === 'Interrupted') return exitCodes.ok.code;
		throw error;
	});
}

async function keyFor(
	context: CliContext,
	folder: string,
	options: FollowOptions,
	audit: AuditCalls,
): Promise<{ verifier: NoteVerifier; isNew: boolean }> {
	const known = keyIn(context, options.logKey) ?? (await keyOfCopy(folder));
	if (known) return { verifier: known, isNew: false };
	const verifier = parseVerifier(await audit.key());
	if (!verifier)
		throw new BimetalError('BadAnswer', 'the proxy shows no public key of its log', { status: 502 });
	return { verifier, isNew: true };
}

function sayFirstUse(context: CliContext, { text }: NoteVerifier): void {
	context.stderr.write(
		`The log is signed with ${visible(text)}.\n` +
			'The proxy says so itself: hold this line against the one that the site gave you by another way.\n',
	);
}

async function followOn(
	context: CliContext,
	copy: LogCopy,
	audit: AuditCalls,
	options: FollowOptions,
	signal: AbortSignal,
): Promise<number> {
	let wait = interval;
	let told = -1;
	for (;;) {
		try {
			const step = await followOnce(copy, audit);
			wait = interval;
			if (step.kind === 'parted') return await report(context, copy, audit, step, options);
			const caughtUp = step.kind === 'current';
			if (step.size !== told && (!options.json || (caughtUp && options.once)))
				sayProgress(context, copy, options);
			told = step.size;
			if (!caughtUp) continue;
			if (options.once) return exitCodes.ok.code;
		} catch (error) {
			const away = error instanceof BimetalError && ['ProxyUnreachable', 'NoAnswer'].includes(error.code);
			if (!away || options.once) throw error;
			context.stderr.write(`${visible(error.message)}; trying again in ${wait / 1000} s\n`);
			wait = Math.min(wait * 2, longestWait);
		}
		if (!(await pause(context, wait, signal))) return exitCodes.ok.code;
	}
}

function sayProgress(context: CliContext, copy: LogCopy, { json, copy: folder }: FollowOptions): void {
	const signed = copy.signed();
	const [size, time] = [signed?.size ?? 0, signed?.time ?? null];
	if (json) printJson(context, { ok: true, folder: copy.folder, size, time, key: copy.verifier.text });
	else
		printLine(
			context,
			`${size} ${size === 1 ? 'record' : 'records'} in ${visible(folder)}, signed at ${time ?? 'no time'}`,
		);
}

async function report(
	context: CliContext,
	copy: LogCopy,
	audit: AuditCalls,
	parting: Parting,
	options: FollowOptions,
): Promise<number> {
	const evidence = await keepEvidence(copy, audit, parting, new Date(context.clock.now()).toISOString());
	const { reason, seq } = parting;
	if (options.json) {
		printJson(context, { ok: false, reason, seq, evidence });
		return exitCodes.fault.code;
	}
	const paint = painter(context);
	printLine(
		context,
		`${paint('red', 'The log is not the one that was followed so far')}: ${visible(reason)}`,
	);
	if (seq !== null) printLine(context, `They part at record ${seq}.`);
	printLine(
		context,
		`Your copy keeps what was signed before. Both sides, with their proofs: ${visible(evidence)}`,
	);
	printLine(context, `  ${commandName(context)} audit check-proof ${visible(evidence)}`);
	return exitCodes.fault.code;
}

/** False when the user has enough. */
function pause(context: CliContext, ms: number, signal: AbortSignal): Promise<boolean> {
	return new Promise(resolve => {
		if (signal.aborted) return resolve(false);
		const interrupted = () => {
			cancel();
			resolve(false);
		};
		const cancel = context.clock.after(ms, () => {
			signal.removeEventListener('abort', interrupted);
			resolve(true);
		});
		signal.addEventListener('abort', interrupted, { once: true });
	});
}
