import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rm, statfs } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from '../../common/store/durable-file.ts';
import { provisionerErrors } from '../errors.ts';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Files that come in from elsewhere, until the storage has taken them in. */
export interface StagedFiles {
	/** Bytes that one may have. */
	readonly largest: number;
	pathOf(id: string): string;
	/** Makes an empty one, or leaves the one that is there. */
	make(id: string): Promise<void>;
	/** Bytes that are there for good: they are on disk when this resolves. Null: there is no such file. */
	kept(id: string): Promise<number | null>;
	/**
	 * Writes what comes from `at` on, where the file ends now; never beyond `end`. Resolves with its new size, which is on
	 * disk, also when the source breaks off or `signal` is aborted: what came until then is kept.
	 * @throws StorageFull, StorageFault; ImageTooLarge when more comes than `end` allows
	 */
	append(
		id: string,
		source: AsyncIterable<Uint8Array>,
		range: { readonly at: number; readonly end: number },
		options: { readonly signal: AbortSignal; readonly onBytes?: (size: number) => void },
	): Promise<{ readonly size: number; readonly broke: unknown }>;
	/** Forgets what is there, not the file. */
	empty(id: string): Promise<void>;
	/** The SHA-256 of the whole, hex. */
	digest(id: string, options: { signal: AbortSignal; onBytes(done: number): void }): Promise<string>;
	remove(id: string): Promise<void>;
	ids(): Promise<readonly string[]>;
	/** Bytes that are free. */
	free(): Promise<number>;
}

/** Opens the folder, making it when it is not there. */
export async function openStagedFiles(folder: string, largest: number): Promise<StagedFiles> {
	await mkdir(folder, { recursive: true, mode: 0o700 });
	const pathOf = (id: string): string => {
		if (!uuid.test(id)) throw provisionerErrors.NotThere(`There is no upload ${id}.`);
		return path.join(folder, id);
	};
	return {
		largest,
		pathOf,
		async make(id) {
			await (await open(pathOf(id), 'a', 0o600)).close();
			await syncFolder(folder);
		},
		async kept(id) {
			try {
				const file = await open(pathOf(id), 'r');
				try {
					await file.sync();
					return (await file.stat()).size;
				} finally {
					await file.close();
				}
			} catch (fault) {
				if ((fault as NodeJS.ErrnoException).code === 'ENOENT') return null;
				throw fault;
			}
		},
		async append(id, source, { at, end }, { signal, onBytes = () => undefined }) {
			const file = await open(pathOf(id), 'r+');
			let size = at;
			let broke: unknown = null;
			try {
				const reading = source[Symbol.asyncIterator]();
				try {
					while (!signal.aborted) {
						const { done, value } = await breakable(reading.next(), signal);
						if (done) break;
						if (size + value.length > end)
							throw provisionerErrors.ImageTooLarge(`More than ${end} bytes came.`);
						await writeWhole(file, value, size);
						size += value.length;
						onBytes(size);
					}
					if (signal.aborted) broke = signal.reason;
				} catch (fault) {
					if (isOurs(fault)) throw fault;
					broke = fault;
				} finally {
					// Not waited for: a source that hangs would hang here too.
					void reading.return?.()?.then(undefined, () => undefined);
				}
				await file.sync();
				return { size, broke };
			} finally {
				await file.close();
			}
		},
		async empty(id) {
			const file = await open(pathOf(id), 'w', 0o600);
			await file.close();
		},
		async digest(id, { signal, onBytes }) {
			const hash = createHash('sha256');
			let done = 0;
			for await (const chunk of createReadStream(pathOf(id), { highWaterMark: 1024 * 1024, signal })) {
				hash.update(chunk as Buffer);
				done += (chunk as Buffer).length;
				onBytes(done);
			}
			return hash.digest('hex');
		},
		async remove(id) {
			await rm(pathOf(id), { force: true });
		},
		ids: async () => (await readdir(folder)).filter(name => uuid.test(name)),
		async free() {
			const { bavail, bsize } = await statfs(folder);
			return bavail * bsize;
		},
	};
}

const isOurs = (fault: unknown): boolean => fault instanceof Error && fault.name === 'BimetalError';

/** What comes next, or the end when the signal is aborted first. */
function breakable<T>(next: Promise<IteratorResult<T>>, signal: AbortSignal): Promise<IteratorResult<T>> {
	return new Promise((resolve, reject) => {
		const end = (): void => resolve({ done: true, value: undefined });
		if (signal.aborted) end();
		signal.addEventListener('abort', end, { once: true });
		next.then(resolve, reject).finally(() => signal.removeEventListener('abort', end));
	});
}

async function writeWhole(
	file: Awaited<ReturnType<typeof open>>,
	bytes: Uint8Array,
	at: number,
): Promise<void> {
	try {
		for (let written = 0; written < bytes.length; ) {
			written += (await file.write(bytes, written, bytes.length - written, at + written)).bytesWritten;
		}
	} catch (cause) {
		const { code, message } = cause as NodeJS.ErrnoException;
		if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG')
			throw provisionerErrors.StorageFull('There is no room for what comes.', { cause });
		throw provisionerErrors.StorageFault(`What comes cannot be written: ${message}`, { cause });
	}
}
