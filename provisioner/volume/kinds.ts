import type { Store } from '../../common/store/store.ts';
import { completeDisk, forgetDisk } from '../core/disks.ts';
import { completeImage, forgetImage } from '../core/images.ts';
import { disks } from '../model/disk.ts';
import { images } from '../model/image.ts';
import type { Kind, StageContext } from '../operation/kind.ts';
import type { Storage } from '../storage/storage.ts';

export interface VolumeKindDeps {
	readonly store: Store;
	readonly storage: Storage;
}

/** What an operation of these kinds is about. */
const idOf = (of: 'image' | 'disk', { operation }: StageContext): string => {
	const id = operation[of];
	if (id === null) throw new Error(`operation ${operation.kind} names no ${of}`);
	return id;
};

/** Disks and snapshots: what the storage does at once, and what becomes of the records. */
export function volumeKinds({ store, storage }: VolumeKindDeps): Readonly<Record<string, Kind>> {
	const removeBytes = (of: 'image' | 'disk') => (context: StageContext) => storage.remove(idOf(of, context));
	return {
		/** `disk` is a clone of the image that `input.image` names. */
		'disk.create': {
			stages: [
				{
					name: 'clone',
					async run(context) {
						const image = String(context.operation.input.image);
						const { signal } = context;
						await storage.create(idOf('disk', context), { from: 'image', image }, { signal });
						context.atEnd(tx => completeDisk(tx, idOf('disk', context)));
					},
					async undo(context) {
						await removeBytes('disk')(context);
						await store.transact(tx => forgetDisk(tx, idOf('disk', context)));
					},
				},
			],
		},
		'disk.delete': {
			stages: [
				{
					name: 'remove',
					async run(context) {
						await removeBytes('disk')(context);
						await store.transact(tx => forgetDisk(tx, idOf('disk', context)));
					},
					// What could not be removed can still be used.
					undo: context => store.transact(tx => useAgain(tx, disks, idOf('disk', context))),
				},
			],
		},
		/** `image` is what the disk that `input.disk` names holds at one moment. */
		'disk.snapshot': {
			stages: [
				{
					name: 'copy',
					async run(context) {
						const disk = String(context.operation.input.disk);
						const made = await storage.create(
							idOf('image', context),
							{ from: 'disk', disk },
							{
								signal: context.signal,
								onProgress: (done, total) => void context.progress(done, total).catch(() => undefined),
							},
						);
						await store.transact(tx => completeImage(tx, idOf('image', context), { ...made, sha256: null }));
					},
					async undo(context) {
						await removeBytes('image')(context);
						await store.transact(tx => forgetImage(tx, idOf('image', context)));
					},
				},
			],
		},
		'image.delete': {
			stages: [
				{
					name: 'remove',
					async run(context) {
						await removeBytes('image')(context);
						await store.transact(tx => forgetImage(tx, idOf('image', context)));
					},
					undo: context => store.transact(tx => useAgain(tx, images, idOf('image', context))),
				},
			],
		},
	};
}

async function useAgain<T extends { readonly state: string }>(
	tx: Parameters<Parameters<Store['transact']>[0]>[0],
	collection: Parameters<typeof tx.get<T>>[0],
	id: string,
): Promise<void> {
	const found = await tx.get(collection, id);
	if (found?.state === 'leaving') await tx.put(collection, id, { ...found, state: 'ready' } as never);
}
