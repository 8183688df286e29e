import type { Actor } from './authorize/actor.ts';

/** What a verb needs to know beside the records. */
export interface World {
	readonly actor: Actor;
	/** Milliseconds since the epoch. */
	readonly now: number;
	readonly newId: () => string;
}
