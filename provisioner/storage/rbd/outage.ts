import type { Storage, VolumeId } from '../storage.ts';

type Listener = Parameters<NonNullable<Storage['onOutage']>>[0];

/** It lasts from the first disk that is lost until the last one of them is there again, or was tried and has to be waited for. */
export interface Outage {
	listen(listener: Listener): () => void;
	begin(disk: VolumeId): void;
	end(disk: VolumeId): void;
}

export function createOutage(): Outage {
	const listeners = new Set<Listener>();
	const lost = new Set<VolumeId>();
	return {
		listen(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		begin(disk) {
			lost.add(disk);
			if (lost.size === 1) for (const { began } of listeners) began();
		},
		end(disk) {
			if (!lost.delete(disk) || lost.size > 0) return;
			for (const { ended } of listeners) ended();
		},
	};
}
