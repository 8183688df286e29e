import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { NewUpload, ProvisionerClient } from '../../provisioner/client.ts';
import type { CliContext } from '../context.ts';
import { hinted } from '../failure.ts';
import { progressBar } from './progress-bar.ts';

/** Bytes of one call: what is told after each is kept whatever happens. */
const partSize = 64 * 1024 * 1024;
/** Calls one after another that brought nothing, after which it is given up. */
const mostVain = 5;

/**
 * Uploads a file, going on with an upload of the same that was cut off; the id of the operation that takes it in.
 * @throws Interrupted, after which the same command goes on; what the client throws
 */
export async function uploadFile(
	context: CliContext,
	client: ProvisionerClient,
	file: string,
	of: Omit<NewUpload, 'length' | 'sha256'>,
): Promise<string> {
	const progress = progressBar(context);
	const signal = context.interruption();
	try {
		const length = await sizeOf(file);
		const sha256 = await digestOf(file, signal, done => progress.show('Reading', done, length));
		const isSame = (each: Awaited<ReturnType<typeof client.uploads>>[number]): boolean =>
			each.sha256 === sha256 &&
			each.length === length &&
			each.project === of.project &&
			each.name === of.name &&
			each.format === of.format;
		const begun = (await client.uploads()).find(isSame);
		const id = begun?.id ?? (await client.beginUpload({ ...of, length, sha256 }));
		let { offset, operation } = await client.uploadStand(id);
		for (let vain = 0; operation === null; ) {
			const from = offset;
			const size = Math.min(partSize, length - from);
			const part = partOf(file, from, size, done => progress.show('Uploading', from + done, length));
			try {
				({ offset, operation } = await client.sendPart(id, from, part, size));
			} catch (fault) {
				if (!isPassing(fault)) throw fault;
				({ offset, operation } = await client.uploadStand(id));
			}
			vain = offset > from ? 0 : vain + 1;
			if (vain >= mostVain)
				throw new BimetalError('ProvisionerUnreachable', 'the upload does not get on', { status: 502 });
		}
		return operation;
	} catch (fault) {
		if (fault instanceof BimetalError && ['Interrupted', 'ProvisionerUnreachable'].includes(fault.code))
			throw hinted(fault, 'the same command again: it goes on where it was, for a day');
		throw fault;
	} finally {
		progress.end();
	}
}

/** A cut connection, or another call that goes on with the same. */
const isPassing = (fault: unknown): boolean =>
	fault instanceof BimetalError &&
	['ProvisionerUnreachable', 'UploadMoved', 'BadRequest'].includes(fault.code);

async function* partOf(
	file: string,
	from: number,
	size: number,
	onBytes: (done: number) => void,
): AsyncGenerator<Uint8Array> {
	let done = 0;
	const options = { start: from, end: from + size - 1, highWaterMark: 1024 * 1024 };
	for await (const chunk of createReadStream(file, options)) {
		yield chunk as Buffer;
		done += (chunk as Buffer).length;
		onBytes(done);
	}
}

async function digestOf(file: string, signal: AbortSignal, onBytes: (done: number) => void): Promise<string> {
	const hash = createHash('sha256');
	let done = 0;
	for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) {
		if (signal.aborted) throw new BimetalError('Interrupted', 'interrupted');
		hash.update(chunk as Buffer);
		done += (chunk as Buffer).length;
		onBytes(done);
	}
	return hash.digest('hex');
}

async function sizeOf(file: string): Promise<number> {
	const handle = await open(file, 'r');
	try {
		return (await handle.stat()).size;
	} finally {
		await handle.close();
	}
}
