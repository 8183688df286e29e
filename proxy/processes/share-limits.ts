import type { ForwardLimits } from '../forward/bmc-connection.ts';
import type { UsageLimits } from '../limits/limits.ts';

export interface SharedLimits {
	readonly home: ForwardLimits;
	readonly worker: ForwardLimits;
}

/**
 * Divides what one BMC bears among home and its workers, so that together they never have more connections to it
 * than one process would: home keeps what does not divide. Undefined when there is not one for each.
 */
export function shareLimits(limits: ForwardLimits, workers: number): SharedLimits | undefined {
	if (workers < 1) return { home: limits, worker: limits };
	const each = Math.floor(limits.connections / (workers + 1));
	if (each < 1) return undefined;
	const home = limits.connections - each * workers;
	return { home: { ...limits, connections: home }, worker: { ...limits, connections: each } };
}

/**
 * What one process may hold of what waits in memory: for a connection to a BMC, and for clients that do not read. How many
 * requests are let in, and connections, is counted for all processes together: limits/leased-admission.ts, crew.ts.
 */
export function shareUsage(usage: UsageLimits, workers: number): UsageLimits {
	const processes = workers + 1;
	return {
		...usage,
		bmcQueue: Math.ceil(usage.bmcQueue / processes),
		unread: Math.ceil(usage.unread / processes),
	};
}
