import { open } from 'node:fs/promises';
import path from 'node:path';
import type { OperationView } from '../../provisioner/client.ts';
import { type CliContext, commandName } from '../context.ts';
import { usageError } from '../failure.ts';
import { printJson, printLine } from '../output.ts';
import { operationEnd } from '../provisioner/operation-end.ts';
import {
	type ProvisionerConnection,
	type ProvisionerOptions,
	projectOf,
	withProvisioner,
} from '../provisioner/provisioner-connection.ts';
import { uploadFile } from '../provisioner/upload-file.ts';
import { visible } from '../visible.ts';

export interface ImportOptions extends ProvisionerOptions {
	readonly name?: string;
	readonly project?: string;
	readonly format?: 'raw' | 'qcow2';
	readonly sha256?: string;
	readonly description?: string;
}

/** `bimetal image import FILE|URL` */
export const importImage = (context: CliContext, source: string, options: ImportOptions): Promise<number> =>
	withProvisioner(context, options, async connection => {
		const { client } = connection;
		const isUrl = /^https?:\/\//i.test(source);
		if (isUrl && options.sha256 === undefined)
			throw usageError('what is its SHA-256? Whoever publishes the image says it', '--sha256 HEX');
		if (!isUrl && options.sha256 !== undefined)
			throw usageError('--sha256 goes with a URL; of a file it is computed here', 'without --sha256');
		const file = isUrl ? new URL(source).pathname : path.resolve(context.cwd, source);
		const format = options.format ?? (isUrl ? formatOfName(file) : await formatOf(file));
		const { description } = options;
		const project = await projectOf(client, options.project);
		const of = {
			project,
			name: options.name ?? nameOf(file),
			format,
			...(description !== undefined && { description }),
		};
		const begun = isUrl
			? await client.fetchImage({ ...of, url: source, sha256: options.sha256 ?? '' })
			: { id: await uploadFile(context, client, file, of) };
		return reportImage(context, connection, options, begun);
	});

/** Waits until the image is there, and says so. */
export async function reportImage(
	context: CliContext,
	connection: ProvisionerConnection,
	options: ProvisionerOptions,
	begun: Pick<OperationView, 'id'>,
): Promise<number> {
	const { image: id } = await operationEnd(context, connection, begun);
	const image = await connection.client.image(id ?? '');
	if (options.json) printJson(context, image);
	else {
		const reference = visible(image.reference);
		printLine(
			context,
			`${reference} is there. Next: ${commandName(context)} disk create DISK ${reference}${connection.suffix}`,
		);
	}
	return 0;
}

const formatOfName = (file: string): 'raw' | 'qcow2' => (/\.(qcow2|qcow)$/i.test(file) ? 'qcow2' : 'raw');

/** By its first bytes (QEMU docs/interop/qcow2.txt, "magic"). */
async function formatOf(file: string): Promise<'raw' | 'qcow2'> {
	const handle = await open(file, 'r');
	try {
		const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0);
		return buffer.equals(Buffer.from('514649fb', 'hex')) ? 'qcow2' : 'raw';
	} finally {
		await handle.close();
	}
}

/** `debian-13.qcow2` is `debian-13`. */
function nameOf(file: string): string {
	const name = path
		.basename(file)
		.replace(/\.(qcow2|qcow|img|raw)$/i, '')
		.toLowerCase()
		.replace(/[^a-z0-9._-]+/g, '-')
		.replace(/^[^a-z0-9]+/, '')
		.slice(0, 63);
	if (name === '') throw usageError('what is it to be called?', '--name NAME');
	return name;
}
