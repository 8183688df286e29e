import { copyFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { CliContext } from '../context.ts';
import { printJson, printLine } from '../output.ts';
import { progressLine } from '../progress.ts';
import { bytesText } from '../provisioner/progress-bar.ts';
import {
	type ProvisionerOptions,
	projectOf,
	withProvisioner,
} from '../provisioner/provisioner-connection.ts';
import { uploadFile } from '../provisioner/upload-file.ts';
import { visible } from '../visible.ts';
import { reportImage } from './image-import.ts';

export interface BuildImageOptions extends ProvisionerOptions {
	readonly name: string;
	readonly project?: string;
	readonly out?: string;
}

/** `bimetal image build debian`: made here, of Debian's packages, and uploaded; or only written to a file. */
export async function buildImage(context: CliContext, options: BuildImageOptions): Promise<number> {
	if (options.out === undefined)
		return withProvisioner(context, options, async connection => {
			const { client } = connection;
			const project = await projectOf(client, options.project);
			const { file, recipe } = await built(context);
			const of = { project, name: options.name, format: 'qcow2', recipe } as const;
			const id = await uploadFile(context, client, file, of);
			return reportImage(context, connection, options, { id });
		});
	const { file } = await built(context);
	const to = path.resolve(context.cwd, options.out);
	await copyFile(file, to);
	const { size } = await stat(to);
	if (options.json) printJson(context, { file: to, bytes: size });
	else printLine(context, `The image is in ${visible(to)} (${bytesText(size)}).`);
	return 0;
}

async function built(context: CliContext) {
	const { buildDebianImage } = await import('../../qemu/image/debian-image.ts');
	const progress = progressLine(context);
	try {
		return await buildDebianImage({ onProgress: step => progress.show(step) });
	} finally {
		progress.end();
	}
}
