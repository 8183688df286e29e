/** Some servers of a lease, and whose they are to be. */
export interface Handover {
	readonly lease: string;
	readonly project: string;
	readonly servers: readonly string[];
}

/**
 * Who hands servers over and takes them back. Either can be asked again at any time, and ends up the same: the market asks
 * until it has come to pass, also after a restart. The signal ends the waiting: the market stops.
 */
export interface Fulfilment {
	/** Resolves when the project has all of them; rejects with what is in the way, and then it may have some. */
	deliver(handover: Handover, signal: AbortSignal): Promise<void>;
	/** Resolves when the project has none of them. */
	takeBack(handover: Handover, signal: AbortSignal): Promise<void>;
}
