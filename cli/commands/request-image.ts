import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { type ConnectionOptions, withConnection } from '../connection.ts';
import { type CliContext, commandName } from '../context.ts';
import { hinted, usageError } from '../failure.ts';
import { printJson, printLine } from '../output.ts';
import { progressLine } from '../progress.ts';
import { visible } from '../visible.ts';

interface Expected {
	readonly size: number;
	readonly sha256: string;
}

/**
 * `bimetal request ID --image FILE`: the image that an approval would send, for a look at it with tools of one's own.
 * The file appears only once it is whole and has the hash that the request's digest binds; `-` is stdout.
 */
export function saveImage(
	context: CliContext,
	id: string,
	file: string,
	options: ConnectionOptions & { readonly json?: boolean },
): Promise<number> {
	if (file === '-' && options.json)
		throw usageError('stdout cannot take the image and a JSON document', '--image FILE --json');
	const work = async ({
		client,
		suffix,
	}: Parameters<Parameters<typeof withConnection>[2]>[0]): Promise<number> => {
		const { upload } = await client.review(id);
		const show = `${commandName(context)} request ${id}${suffix} — shows what it is`;
		if (!upload)
			throw hinted(new BimetalError('NoImage', `request ${id} has no image`, { status: 404 }), show);
		const pieces = checked(context, await client.image(id), upload);
		if (file === '-') {
			for await (const piece of pieces) if (!context.stdout.write(piece)) await once(context.stdout, 'drain');
			return 0;
		}
		await writeWhole(path.resolve(context.cwd, file), file, pieces);
		const { size, sha256, fileName } = upload;
		if (options.json) printJson(context, { id, file, size, sha256, fileName });
		else printLine(context, `${visible(file)}: ${size} bytes, SHA-256 ${sha256}, as the request has it`);
		return 0;
	};
	return withConnection(context, options, work, context.interruption());
}

/** The pieces as they come, with progress; throws at their end unless they are what was expected. */
async function* checked(
	context: CliContext,
	pieces: AsyncIterable<Uint8Array>,
	{ size, sha256 }: Expected,
): AsyncGenerator<Uint8Array> {
	const progress = progressLine(context);
	const hash = createHash('sha256');
	let received = 0;
	let shown = -1;
	try {
		for await (const piece of pieces) {
			received += piece.length;
			hash.update(piece);
			const tenth = Math.floor((10 * received) / size);
			if (context.stderr.isTTY || tenth !== shown)
				progress.show(`${mebibytes(received)} of ${mebibytes(size)} MiB`);
			shown = tenth;
			yield piece;
		}
	} finally {
		progress.end();
	}
	if (received === size && hash.digest('hex') === sha256) return;
	const what = 'what the proxy sent is not the image of the request: size or SHA-256 differ';
	throw hinted(new BimetalError('BadAnswer', what, { status: 502 }), 'do not approve it, and tell the site');
}

const mebibytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);

/** Beside the file first, so that a broken-off one is never taken for it. */
async function writeWhole(to: string, named: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
	const beside = `${to}.${randomBytes(4).toString('hex')}.part`;
	const refuse = ({ code = 'unwritable' }: NodeJS.ErrnoException) =>
		usageError(`cannot write ${named}: ${code}`, 'choose another file, or make room');
	const handle = await open(beside, 'wx', 0o600).catch(fault => Promise.reject(refuse(fault)));
	try {
		await writeAll(handle, pieces, refuse);
		await rename(beside, to).catch(fault => Promise.reject(refuse(fault)));
	} catch (fault) {
		await rm(beside, { force: true });
		throw fault;
	}
}

async function writeAll(
	handle: FileHandle,
	pieces: AsyncIterable<Uint8Array>,
	refuse: (fault: NodeJS.ErrnoException) => Error,
): Promise<void> {
	try {
		for await (const piece of pieces)
			await handle.writeFile(piece).catch(fault => Promise.reject(refuse(fault)));
	} finally {
		await handle.close();
	}
}
