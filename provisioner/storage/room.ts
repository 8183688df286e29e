import { provisionerErrors } from '../errors.ts';
import type { VolumeId, VolumeUsage } from './storage.ts';

/** What a copy is to be made of. */
export interface Copied {
	readonly id: VolumeId;
	/** Bytes that a machine sees: a copy has no more. */
	readonly size: number;
	/** Of it, and of what it shares bytes with. */
	usageOf(id: VolumeId): Promise<Pick<VolumeUsage, 'own' | 'parent'>>;
}

/** Room for whole copies of volumes, which are made side by side. */
export interface Room {
	/** The result gives it back: a copy that is made is counted by the file system. @throws StorageFull */
	reserve(copied: Copied): Promise<() => void>;
}

/** @param free bytes that are, where copies are made */
export function createRoom(free: () => Promise<number>): Room {
	let promised = 0;
	return {
		async reserve({ id, size, usageOf }) {
			let held = 0;
			for (let at: VolumeId | null = id; at !== null; ) {
				const { own, parent } = (await usageOf(at)) as Pick<VolumeUsage, 'own' | 'parent'>;
				held += own;
				at = parent;
			}
			const bytes = Math.min(held, size);
			if (bytes > (await free()) - promised)
				throw provisionerErrors.StorageFull(
					`There is no room for a copy of ${bytes} bytes: delete something, or wait until other exports have ended.`,
				);
			promised += bytes;
			return () => {
				promised -= bytes;
			};
		},
	};
}
