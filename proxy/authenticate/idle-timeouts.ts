import { z } from 'zod';
import { defineCollection, type Store } from '../../common/store/store.ts';

const idleTimeouts = defineCollection('idle-timeouts', z.strictObject({ milliseconds: z.int() }));

/** The schema's own least value of SessionTimeout, in milliseconds. */
export const shortestIdleTimeout = 30_000;

/**
 * After how long without use a party's sessions end. Each party sets its own: never longer than the site file says,
 * so that no party is needed for another's.
 */
export interface IdleTimeouts {
	/** Milliseconds. */
	of(party: string): number;
	/** In force at once; on disk when the promise resolves. */
	set(party: string, milliseconds: number): Promise<void>;
	/** Those that parties have set, in milliseconds. */
	own(): Readonly<Record<string, number>>;
	/** Milliseconds that no party's sessions outlast unused. */
	readonly longest: number;
}

/** @param onSet told of each change once it is on disk and in force */
export async function openIdleTimeouts(
	store: Store,
	longest: number,
	onSet: (party: string, milliseconds: number) => unknown = () => undefined,
): Promise<IdleTimeouts> {
	const own = new Map<string, number>();
	for (const { id, document } of await store.read(tx => tx.list(idleTimeouts)))
		own.set(id, document.milliseconds);
	return {
		longest,
		// The site's may have become shorter since.
		of: party => Math.min(own.get(party) ?? longest, longest),
		async set(party, milliseconds) {
			await store.transact(tx => tx.put(idleTimeouts, party, { milliseconds }));
			own.set(party, milliseconds);
			await onSet(party, milliseconds);
		},
		own: () => Object.fromEntries(own),
	};
}
