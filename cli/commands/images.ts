import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { ImageView } from '../../provisioner/client.ts';
import { type CliContext, commandName } from '../context.ts';
import { usageError } from '../failure.ts';
import { dateText, painter, printFields, printJson, printLine, printTable } from '../output.ts';
import { operationEnd } from '../provisioner/operation-end.ts';
import { bytesText, progressBar } from '../provisioner/progress-bar.ts';
import { type ProvisionerOptions, withProvisioner } from '../provisioner/provisioner-connection.ts';
import { visible } from '../visible.ts';

/** `bimetal image list` */
export const listImages = (
	context: CliContext,
	options: ProvisionerOptions & { readonly project?: string },
): Promise<number> =>
	withProvisioner(context, options, async ({ client }) => {
		const images = await client.images(options.project);
		if (options.json) printJson(context, { images });
		else if (images.length === 0)
			printLine(context, `No images. '${commandName(context)} image import FILE' makes one.`);
		else
			await printTable(
				context,
				['IMAGE', 'SIZE', 'SEEN BY', 'STATE', 'MADE'],
				images.map(image => [
					visible(image.reference),
					image.size === null ? '-' : bytesText(image.size),
					seenBy(image),
					stateText(context, image),
					visible(dateText(image.madeAt)),
				]),
			);
		return 0;
	});

function seenBy({ visibility, sharedWith }: ImageView): string {
	if (visibility === 'private') return 'its project';
	return visibility === 'public' ? 'everybody' : visible(`its project, ${sharedWith.join(', ')}`);
}

const stateText = (context: CliContext, { state, isProtected }: ImageView): string =>
	`${state === 'ready' ? state : painter(context)('yellow', state)}${isProtected ? ', protected' : ''}`;

function originText({ origin }: ImageView): string {
	if (origin.from === 'url') return origin.url;
	if (origin.from === 'disk') return `disk ${origin.disk}`;
	return origin.from === 'build' ? `built: ${origin.recipe}` : 'a file';
}

function printImage(context: CliContext, { json }: ProvisionerOptions, image: ImageView): number {
	if (json) printJson(context, image);
	else
		printFields(context, [
			['image', painter(context)('bold', visible(image.reference))],
			['id', visible(image.id)],
			...(image.description === '' ? [] : [['description', visible(image.description)] as const]),
			['size', image.size === null ? '-' : `${bytesText(image.size)} (${image.size} bytes)`],
			['state', stateText(context, image)],
			['seen by', seenBy(image)],
			['made of', visible(originText(image))],
			['made', visible(dateText(image.madeAt))],
			['sha-256', image.sha256 ?? '- (no file was taken in)'],
		]);
	return 0;
}

/** `bimetal image show IMAGE` */
export const showImage = (context: CliContext, name: string, options: ProvisionerOptions): Promise<number> =>
	withProvisioner(context, options, async ({ client }) =>
		printImage(context, options, await client.image(name)),
	);

export interface ShareOptions extends ProvisionerOptions {
	readonly with?: readonly string[];
	readonly public?: boolean;
	readonly private?: boolean;
}

/** `bimetal image share IMAGE` */
export const shareImage = (context: CliContext, name: string, options: ShareOptions): Promise<number> =>
	withProvisioner(context, options, async ({ client }) => {
		const ways = [options.with !== undefined, options.public, options.private].filter(Boolean);
		if (ways.length !== 1)
			throw usageError('who is to see it?', '--with PROJECT, --public or --private: one of them');
		const change = options.public
			? ({ visibility: 'public' } as const)
			: options.private
				? ({ visibility: 'private', sharedWith: [] } as const)
				: ({ visibility: 'shared', sharedWith: options.with ?? [] } as const);
		return printImage(context, options, await client.changeImage(name, change));
	});

/** `bimetal image protect IMAGE` */
export const protectImage = (
	context: CliContext,
	name: string,
	options: ProvisionerOptions & { readonly off?: boolean },
): Promise<number> =>
	withProvisioner(context, options, async ({ client }) =>
		printImage(context, options, await client.changeImage(name, { isProtected: !options.off })),
	);

/** `bimetal image delete IMAGE` */
export const deleteImage = (
	context: CliContext,
	name: string,
	options: ProvisionerOptions,
): Promise<number> =>
	withProvisioner(context, options, async connection => {
		const { client } = connection;
		const { reference } = await client.image(name);
		const ended = await operationEnd(context, connection, await client.deleteImage(name));
		if (options.json) printJson(context, ended);
		else printLine(context, `${visible(reference)} is deleted.`);
		return 0;
	});

export interface ExportOptions extends ProvisionerOptions {
	readonly format: 'raw' | 'qcow2';
	readonly out?: string;
}

/** `bimetal image export IMAGE`: the file is there when it is whole. */
export const exportImage = (context: CliContext, name: string, options: ExportOptions): Promise<number> =>
	withProvisioner(context, options, async ({ client }) => {
		const image = await client.image(name);
		const { format } = options;
		const own = `${image.name}-${image.version}.${format === 'raw' ? 'img' : 'qcow2'}`;
		const file = path.resolve(context.cwd, options.out ?? own);
		const part = `${file}.part`;
		const progress = progressBar(context);
		let done = 0;
		try {
			progress.say('Preparing');
			const content = await client.content(image.id, format);
			const total = format === 'raw' ? image.size : null;
			const counted = async function* () {
				for await (const chunk of content) {
					done += chunk.length;
					progress.show('Receiving', done, total);
					yield chunk;
				}
			};
			await pipeline(counted, createWriteStream(part, { flags: 'wx', mode: 0o600, flush: true }));
			await rename(part, file);
		} catch (fault) {
			if ((fault as NodeJS.ErrnoException).code === 'EEXIST')
				throw usageError(
					`${part} is there already`,
					'another export writes it, or was killed: then remove it',
				);
			await rm(part, { force: true });
			throw fault;
		} finally {
			progress.end();
		}
		if (options.json) printJson(context, { file, bytes: done });
		else printLine(context, `${visible(image.reference)} is in ${visible(file)} (${bytesText(done)}).`);
		return 0;
	});
