import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import type { CliContext } from '../context.ts';
import { printLine } from '../output.ts';
import { progressLine } from '../progress.ts';
import { visible } from '../visible.ts';

export interface AllowlistOptions {
	readonly out?: string;
	readonly under?: readonly string[];
	readonly json?: boolean;
}

/** `bimetal image allowlist FILE`: what a policy of attestation has under `ima`, of an image's files. */
export async function imageAllowlist(
	context: CliContext,
	image: string,
	{ out, under, json }: AllowlistOptions,
): Promise<number> {
	const { fileDigests } = await import('../../qemu/image/file-digests.ts');
	const progress = progressLine(context);
	progress.show('Reading the image');
	const digests = await fileDigests(path.resolve(context.cwd, image)).finally(() => progress.end());
	const folders = under?.map(folder => `${folder.replace(/\/+$/, '')}/`);
	const files = Object.fromEntries(
		[...digests]
			.filter(([file]) => !folders || folders.some(folder => file.startsWith(folder)))
			// IMA writes paths so.
			.map(([file, digest]) => [file.replaceAll(' ', '_'), `sha256:${digest}`]),
	);
	const list = { ima: { files } };
	const text = json ? `${JSON.stringify(list, null, 2)}\n` : stringify(list, { lineWidth: 0 });
	if (out === undefined) context.stdout.write(text);
	else {
		const file = path.resolve(context.cwd, out);
		await writeFile(file, text, { flag: 'wx' });
		printLine(context, `The digests of ${Object.keys(files).length} files are in ${visible(file)}.`);
	}
	return 0;
}
