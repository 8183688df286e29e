import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type CliContext, commandName } from '../context.ts';
import { usageError } from '../failure.ts';
import { printJson, printLine } from '../output.ts';
import { progressLine } from '../progress.ts';
import { visible } from '../visible.ts';

export interface EncryptImageOptions {
	readonly key?: string;
	readonly out?: string;
	readonly boot?: string;
	readonly json?: boolean;
}

/** `bimetal image encrypt FILE`: a disk that only the key opens, and what an airlock must be told to start what is in it. */
export async function encryptImageFile(
	context: CliContext,
	image: string,
	{ key, out, boot, json }: EncryptImageOptions,
): Promise<number> {
	if (key === undefined)
		throw usageError('which key is to open it?', '--key FILE: head -c 64 /dev/urandom > FILE makes one');
	if (out === undefined) throw usageError('where is it to go?', '--out FILE.qcow2');
	const at = (file: string): string => path.resolve(context.cwd, file);
	const settingsFile = at(boot ?? `${out}.boot.json`);
	const { encryptImage } = await import('../../qemu/image/encrypted-image.ts');
	const progress = progressLine(context);
	const onProgress = (step: string) => progress.show(step);
	const settings = await encryptImage({
		image: at(image),
		keyFile: at(key),
		to: at(out),
		onProgress,
	}).finally(() => progress.end());
	await writeFile(settingsFile, `${JSON.stringify(settings, null, 2)}\n`);
	if (json) printJson(context, { file: at(out), boot: settingsFile, ...settings });
	else {
		const bimetal = commandName(context);
		printLine(
			context,
			`The encrypted disk is in ${visible(at(out))}, what starts it in ${visible(settingsFile)}.`,
		);
		printLine(
			context,
			`Next: ${bimetal} image import ${visible(out)}; ${bimetal} attest payload --luks-key ${visible(key)} --boot ${visible(settingsFile)} --out FILE`,
		);
	}
	return 0;
}
