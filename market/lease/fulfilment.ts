import type { Attestation, Boot } from '../clearing/bid.ts';

/** Some servers of a lease, and whose they are to be. */
export interface Handover {
	readonly lease: string;
	readonly project: string;
	readonly servers: readonly string[];
	/** Seconds since the epoch: what came to nothing before that was another lease's. */
	readonly since?: number | undefined;
	/** What they are to boot from. */
	readonly boot?: Boot | undefined;
	/** How they are to prove what they have booted; not at all when absent. */
	readonly attestation?: Attestation | undefined;
}

/** Something is in the way of a delivery that waiting does not help, and whose doing that is. */
export class DeliveryRefused extends Error {
	/**
	 * Whom the lease has this server from; or the project that is to have it. `policy`: that project as well, for a policy of its own
	 * refuses what the site's accepts; it answers for the time that it keeps the servers so, and for no more. `nobody`: it cannot be told.
	 */
	readonly doing: { readonly server: string } | 'project' | 'policy' | 'nobody';

	constructor(doing: DeliveryRefused['doing'], cause: Error) {
		super(cause.message, { cause });
		this.name = 'DeliveryRefused';
		this.doing = doing;
	}
}

/** The project has a server as it was handed over; or why not. */
export type Standing = 'held' | { readonly code: string; readonly reason: string };

/**
 * Who hands servers over and takes them back. Either can be asked again at any time, and ends up the same: the market asks
 * until it has come to pass, also after a restart. The signal ends the waiting: the market stops.
 */
export interface Fulfilment {
	/**
	 * Resolves when the project has all of them; rejects with what is in the way, and then it may have some. A `DeliveryRefused`
	 * says who has to answer for it; anything else is nobody's doing.
	 */
	deliver(handover: Handover, signal: AbortSignal): Promise<void>;
	/** Resolves when the project has none of them. */
	takeBack(handover: Handover, signal: AbortSignal): Promise<void>;
	/** How servers are that were handed over, by their names; those of which that cannot be told now are left out. */
	inspect?(handovers: readonly Handover[]): Promise<ReadonlyMap<string, Standing>>;
}
