import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type AirlockPayload, airlockPayload, assertFits, bootSettings } from '../../attest/client.ts';
import { type CliContext, commandName } from '../context.ts';
import { usageError } from '../failure.ts';
import { printJson, printLine } from '../output.ts';
import { visible } from '../visible.ts';

export interface PayloadOptions {
	readonly luksKey?: string;
	readonly boot?: string;
	readonly out?: string;
	readonly json?: boolean;
}

/** `bimetal attest payload`: what an airlock takes, of the key of a disk and of what is to be started from there. */
export async function writePayload(context: CliContext, options: PayloadOptions): Promise<number> {
	const { luksKey, boot, out, json } = options;
	if (luksKey === undefined || boot === undefined)
		throw usageError(
			'the airlock needs the disk’s key, and what to start from there',
			'--luks-key FILE --boot FILE, both as with image encrypt',
		);
	if (out === undefined) throw usageError('where is it to go?', '--out FILE');
	const payload = airlockPayload({
		luksKey: await fileOf(context, luksKey),
		boot: settingsOf(boot, await fileOf(context, boot)),
	});
	assertFits(payload);
	const file = path.resolve(context.cwd, out);
	// Whoever reads it has the key.
	await writeFile(file, payload, { mode: 0o600, flag: 'wx' }).catch((cause: NodeJS.ErrnoException) => {
		throw usageError(
			`${visible(out)} cannot be written: ${cause.code ?? cause.message}`,
			'--out with another name',
		);
	});
	if (json) printJson(context, { file, bytes: payload.length });
	else {
		printLine(
			context,
			`The payload is in ${visible(file)}: it holds the key, so delete it when it was released.`,
		);
		printLine(
			context,
			`Next: ${commandName(context)} attest admit NODE --payload ${visible(out)} --roots FILE`,
		);
	}
	return 0;
}

async function fileOf({ cwd }: CliContext, file: string): Promise<Buffer> {
	return readFile(path.resolve(cwd, file)).catch((cause: NodeJS.ErrnoException) => {
		throw usageError(
			`${visible(file)} cannot be read: ${cause.code ?? cause.message}`,
			'a file that is there',
		);
	});
}

function settingsOf(file: string, bytes: Buffer): AirlockPayload['boot'] {
	let document: unknown;
	try {
		document = JSON.parse(bytes.toString('utf8'));
	} catch {
		throw usageError(`${visible(file)} is no JSON`, '--boot FILE, as image encrypt has written it');
	}
	const read = bootSettings.safeParse(document);
	if (read.success) return read.data;
	const problems = read.error.issues.map(({ path: at, message }) => `${at.join('.') || 'it'}: ${message}`);
	throw usageError(
		`${visible(file)}: ${visible(problems.join('; '))}`,
		'--boot FILE, as image encrypt has written it',
	);
}
