import { Counter, type Registry } from 'prom-client';
import type { Clock } from '../../common/clock.ts';
import { type Admission, type Allowance, createAdmission } from './admission.ts';
import { type ConnectionLimits, type CountConnection, createConnectionCount } from './connections.ts';
import { createShares, type ShareBmc } from './share-bmc.ts';
import { createUnread, type HoldUnread } from './unread.ts';

/** What the site file says under `limits` of how much anybody may use. */
export interface UsageLimits extends ConnectionLimits {
	/** Undefined: as much as there is. */
	readonly perOperator: Allowance | undefined;
	readonly perParty: Allowance | undefined;
	/** Requests of one party that may wait for a connection to one BMC. */
	readonly bmcQueue: number;
	/** Bytes of answers that one party's clients may leave unread. */
	readonly unread: number;
}

export interface Limits {
	/** Undefined where there are no such limits. */
	readonly admission: Admission | undefined;
	readonly share: ShareBmc;
	readonly holdUnread: HoldUnread;
	/** For one listener. */
	countConnections(): CountConnection;
}

/** Milliseconds that a client may take to read an answer once it is there whole. */
const longestReading = 60_000;

/** The limits of a site, with a counter of what they turn away. */
export function createLimits(
	usage: UsageLimits,
	deps: {
		readonly clock: Clock;
		readonly registry: Registry;
		readonly parties: readonly string[];
		/** Connections to one BMC, and the longest wait for it in milliseconds. */
		readonly bmc: { readonly connections: number; readonly timeout: number };
		/** Identical concurrent reads of one party share an exchange with the BMC: forward/coalesce.ts. */
		readonly coalesce: boolean;
		/** Processes besides this one; none when absent. */
		readonly workers?: number | undefined;
	},
): Limits {
	const { clock, registry, parties, bmc, coalesce, workers } = deps;
	const refused = new Counter({
		name: 'bimetal_refused_total',
		help: 'Requests, answers and connections over a limit, by which limit and party',
		labelNames: ['limit', 'party'] as const,
		registers: [registry],
	});
	const endless: Allowance = { rate: 1e9, burst: 1e9, concurrent: Number.POSITIVE_INFINITY };
	const { perOperator, perParty } = usage;
	return {
		admission:
			perOperator || perParty
				? createAdmission({
						clock,
						workers,
						operator: perOperator ?? endless,
						party: perParty ?? endless,
						onRefused: ({ party }, why, whose) => refused.inc({ limit: `${whose} ${why}`, party }),
					})
				: undefined,
		share: createShares({
			connections: bmc.connections,
			longestWait: bmc.timeout,
			queue: usage.bmcQueue,
			parties,
			clock,
			coalesce,
			onBusy: (_bmc, party) => refused.inc({ limit: 'bmc queue', party }),
		}),
		holdUnread: createUnread({
			clock,
			perParty: usage.unread,
			longest: longestReading,
			onStalled: () => refused.inc({ limit: 'unread', party: '' }),
		}),
		countConnections: () =>
			createConnectionCount(usage, () => refused.inc({ limit: 'connections', party: '' })),
	};
}
