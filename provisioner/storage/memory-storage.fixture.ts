import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { provisionerErrors } from '../errors.ts';
import type { Storage, VolumeId } from './storage.ts';

interface Volume {
	bytes: Buffer;
	readonly parent: VolumeId | null;
	isAttached: boolean;
}

/** A storage in memory: for tests of what is built on one. */
export interface MemoryStorage extends Storage {
	readonly volumes: Map<VolumeId, Volume>;
	/** Thrown by the next calls that change something, one each. */
	readonly faults: Error[];
}

export function createMemoryStorage(): MemoryStorage {
	const volumes = new Map<VolumeId, Volume>();
	const faults: Error[] = [];
	const fail = (): void => {
		const fault = faults.shift();
		if (fault) throw fault;
	};
	const at = (id: VolumeId): Volume => {
		const found = volumes.get(id);
		if (!found) throw provisionerErrors.NotThere(`There is no volume ${id}.`);
		return found;
	};
	return {
		engine: 'memory',
		volumes,
		faults,
		async create(id, source, { signal }) {
			signal.throwIfAborted();
			fail();
			const known = volumes.get(id);
			if (known) return { size: known.bytes.length };
			const bytes =
				source.from === 'file'
					? await readFile(source.file)
					: Buffer.from(at(source.from === 'image' ? source.image : source.disk).bytes);
			volumes.set(id, { bytes, parent: source.from === 'image' ? source.image : null, isAttached: false });
			return { size: bytes.length };
		},
		canTakeIn: async () => undefined,
		async remove(id) {
			fail();
			if (volumes.get(id)?.isAttached) throw provisionerErrors.InUse(`${id} is attached.`);
			if ([...volumes.values()].some(({ parent }) => parent === id)) {
				throw provisionerErrors.InUse(`${id} has clones.`);
			}
			volumes.delete(id);
		},
		read: async id => Readable.from([at(id).bytes]),
		async attach(disk) {
			fail();
			at(disk).isAttached = true;
			return { type: 'rdwr', path: `/memory/${disk}` };
		},
		async detach(disk) {
			const found = volumes.get(disk);
			if (found) found.isAttached = false;
		},
		onReattached: () => () => undefined,
		async usage() {
			const shown = [...volumes].map(([id, { bytes, parent, isAttached }]) => {
				const own = parent === null ? bytes.length : 0;
				return [id, { own, parent, isAttached }] as const;
			});
			return { volumes: new Map(shown), free: 1000 };
		},
		check: async () => undefined,
		close: async () => undefined,
	};
}
