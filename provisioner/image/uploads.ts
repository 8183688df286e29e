import type { Clock } from '../../common/clock.ts';
import { httpErrors } from '../../common/http/errors.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import { beginUpload, beginUploadedImage, type NewUpload } from '../core/uploads.ts';
import type { World } from '../core/world.ts';
import { provisionerErrors } from '../errors.ts';
import { operations } from '../model/operation.ts';
import { type Upload, uploads } from '../model/upload.ts';
import { begin } from '../operation/journal.ts';
import type { Runner } from '../operation/runner.ts';
import { createTurns } from '../turns.ts';
import { firstImportStage } from './import-kinds.ts';
import type { StagedFiles } from './staged-files.ts';

export interface UploadsDeps {
	readonly store: Store;
	readonly staged: StagedFiles;
	readonly runner: Pick<Runner, 'wake'>;
	readonly clock: Clock;
	readonly logger: Logger;
	readonly newId: () => string;
}

/** How an upload stands. */
export interface UploadState {
	readonly id: string;
	readonly document: Upload;
	/** Bytes that are there for good. */
	readonly offset: number;
	/** When it is removed, unless more comes; milliseconds since the epoch. */
	readonly expiresAt: number;
}

/** Files that come in over HTTP, in as many pieces as it takes. Who may is decided before. */
export interface Uploads {
	/** @throws ImageTooLarge, StorageFull, InUse */
	create(wanted: NewUpload, world: World): Promise<UploadState>;
	/** Whoever still writes is ended first, so that what is told stays. @throws NotThere */
	show(id: string): Promise<UploadState>;
	/** The same while somebody writes: what is told may be more already. */
	peek(id: string): Promise<UploadState>;
	/**
	 * Takes what comes from `at` on; whoever still writes is ended first. With the last byte an operation is begun that
	 * takes the image in. @throws UploadMoved, UploadTaken, ImageTooLarge, StorageFull
	 */
	write(id: string, at: number, source: AsyncIterable<Uint8Array>): Promise<UploadState>;
	/** What is being taken in already is left to its operation. */
	remove(id: string): Promise<void>;
	/** Goes on where the last process was, and removes what was abandoned; then again from time to time. */
	start(): Promise<void>;
	close(): Promise<void>;
}

/** Milliseconds after the last byte in which more must come, and between two looks for what was abandoned. */
const patience = 24 * 3600 * 1000;
const lookEvery = 10 * 60 * 1000;

export function createUploads({ store, staged, runner, clock, logger, newId }: UploadsDeps): Uploads {
	const inTurn = createTurns();
	const writers = new Map<string, AbortController>();
	const end = new AbortController();
	let cancelLook: () => void = () => undefined;

	/** The turn of an upload, as soon as who writes has kept what came. */
	const takeOver = <R>(id: string, work: () => Promise<R>): Promise<R> => {
		writers.get(id)?.abort(provisionerErrors.UploadTaken('Another call goes on with this upload.'));
		return inTurn(id, work);
	};

	async function stateOf(id: string): Promise<UploadState> {
		const document = await store.read(tx => tx.get(uploads, id));
		if (!document) throw provisionerErrors.NotThere(`There is no upload ${id}.`);
		const kept = await staged.kept(id);
		// Its operation has taken the file in already, or the disk was replaced: then it begins anew.
		const offset = document.operation === null ? (kept ?? 0) : document.length;
		if (kept === null && document.operation === null) await staged.make(id);
		return { id, document, offset, expiresAt: document.touchedAt + patience };
	}

	/** Has the image taken in when all is there; repeated, it changes nothing. */
	async function settle(state: UploadState): Promise<UploadState> {
		const { id, document, offset } = state;
		if (offset < document.length || document.operation !== null) return state;
		const operation = await store.transact(async tx => {
			const found = await tx.get(uploads, id);
			if (!found || found.operation !== null) return found?.operation ?? null;
			// It is in the name of who began it, who was allowed to.
			const actor = { name: found.asker, isAdmin: false, projects: new Set([found.project]) };
			const now = clock.now();
			const image = await beginUploadedImage(tx, found, { actor, now, newId });
			const { project, asker, format, sha256 } = found;
			const begun = await begin(
				tx,
				{ kind: 'image.import', project, asker, image, input: { staged: id, format, sha256 } },
				{ newId, now, firstStage: firstImportStage },
			);
			await tx.put(uploads, id, { ...found, operation: begun });
			return begun;
		});
		if (operation !== null) runner.wake(operation);
		return { ...state, document: { ...document, operation } };
	}

	const touch = (id: string): Promise<void> =>
		store.transact(async tx => {
			const found = await tx.get(uploads, id);
			if (found) await tx.put(uploads, id, { ...found, touchedAt: clock.now() });
		});

	/** Bytes that others have been promised, and that have not come. */
	async function promised(): Promise<number> {
		let bytes = 0;
		for (const { id, document } of await store.read(tx => tx.list(uploads))) {
			if (document.operation === null) bytes += document.length - ((await staged.kept(id)) ?? 0);
		}
		return bytes;
	}

	/** Removes what was abandoned, and forgets what was taken in long ago. */
	async function look(): Promise<void> {
		for (const { id, document } of await store.read(tx => tx.list(uploads))) {
			if (document.touchedAt + patience > clock.now() || writers.has(id)) continue;
			if (document.operation === null) await drop(id);
			else await store.transact(tx => tx.delete(uploads, id));
		}
	}

	/** Files that neither an upload nor an operation knows any more: a process was ended between the two. */
	async function removeStrays(): Promise<void> {
		const wanted = await store.read(async tx => {
			const open = await tx.list(operations, { where: { index: 'open', equals: 'yes' } });
			const all = await tx.list(uploads);
			return new Set([
				...all.flatMap(({ id, document }) => (document.operation === null ? [id] : [])),
				...open.map(({ document }) => document.input.staged),
			]);
		});
		for (const id of await staged.ids()) if (!wanted.has(id)) await staged.remove(id);
	}

	const drop = (id: string): Promise<void> =>
		takeOver(id, async () => {
			const found = await store.read(tx => tx.get(uploads, id));
			if (!found) return;
			if (found.operation !== null)
				throw provisionerErrors.InUse(`It is complete: operation ${found.operation} takes it in.`);
			await store.transact(tx => tx.delete(uploads, id));
			await staged.remove(id);
		});

	const lookLater = (): void => {
		if (end.signal.aborted) return;
		cancelLook = clock.after(lookEvery, () => {
			look()
				.catch(err => logger.error({ err }, 'abandoned uploads could not be looked for'))
				.finally(lookLater);
		});
	};

	return {
		async create(wanted, world) {
			const { length } = wanted;
			if (length > staged.largest) {
				throw provisionerErrors.ImageTooLarge(`It is of ${length} bytes; this site takes ${staged.largest}.`);
			}
			// One after another: none is promised what another one was.
			return inTurn('new', async () => {
				if (length > (await staged.free()) - (await promised()))
					throw provisionerErrors.StorageFull(
						`There is no room for ${length} bytes: delete or export something.`,
					);
				const id = await store.transact(tx => beginUpload(tx, wanted, world));
				await staged.make(id);
				return stateOf(id);
			});
		},
		show: id => takeOver(id, async () => settle(await stateOf(id))),
		peek: stateOf,
		write: (id, at, source) =>
			takeOver(id, async () => {
				const { offset, document } = await stateOf(id);
				if (document.operation !== null || at !== offset) {
					throw provisionerErrors.UploadMoved(`The upload stands at ${offset}, not at ${at}.`);
				}
				const stop = new AbortController();
				writers.set(id, stop);
				try {
					const signal = AbortSignal.any([stop.signal, end.signal]);
					const range = { at, end: document.length };
					const { broke } = await staged.append(id, source, range, { signal });
					await touch(id);
					if (stop.signal.aborted) throw stop.signal.reason;
					const state = await settle(await stateOf(id));
					if (broke !== null && state.offset < document.length)
						throw httpErrors.BadRequest('The upload broke off; what came is kept.', { cause: broke });
					return state;
				} finally {
					writers.delete(id);
				}
			}),
		remove: drop,
		async start() {
			for (const { id, document } of await store.read(tx => tx.list(uploads))) {
				if (document.operation === null) await settle(await stateOf(id));
			}
			await removeStrays();
			await look();
			lookLater();
		},
		async close() {
			end.abort(new Error('the service ends'));
			cancelLook();
			await Promise.all([...writers.keys()].map(id => inTurn(id, async () => undefined)));
		},
	};
}
