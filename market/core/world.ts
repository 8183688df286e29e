import type { Actor } from '../authorize/actor.ts';
import type { MarketIndex } from '../index/market-index.ts';

/** What a verb needs to know beside the records. */
export interface World {
	readonly actor: Actor;
	/** Seconds since the epoch. */
	readonly now: number;
	readonly newId: () => string;
	/** Of the store that the transaction is of. */
	readonly index: MarketIndex;
	/** Bids wait for the next round, instead of being matched on arrival. */
	readonly inRounds: boolean;
	/** There is a provisioner, from whose images servers boot. */
	readonly canBoot: boolean;
	/** There is a service that attests servers before they are handed over. */
	readonly canAttest: boolean;
}
