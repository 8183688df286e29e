import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { second } from '../calendar/interval.ts';
import { priceText } from '../calendar/price.ts';
import { serverName } from '../calendar/server.ts';
import { attestation, boot } from '../clearing/bid.ts';
import { projectName } from '../ledger/account.ts';
import { amountText, balanceText } from '../ledger/money.ts';

const leasedServer = z.strictObject({
	server: serverName,
	/** Who is paid for it: its owner, or who has leased it and lets it on. */
	owner: projectName,
	offer: z.string(),
	/** The lease that it is let out of; the owner's own time when absent. */
	under: z.string().optional(),
	/** Then, its owner and who has leased it from whom, before the one who lets it on. */
	chain: z.array(projectName).optional(),
	price: priceText,
	/** It goes back then: at the lease's end, or sooner when its owner recalls it or its project gives it back. */
	until: second,
	/** It has gone back. */
	isBack: z.boolean(),
	/** Microcredits that its owner gets beside the seconds, or gives when they are less than none: see rules.ts. */
	extra: balanceText,
});
export type LeasedServer = z.output<typeof leasedServer>;

/**
 * `reserved`: to come. `starting`: its time has begun, its servers are being handed over. `active`: its project has them.
 * `ending`: it is over and paid for, its servers are being taken back. `over`: they are. `cancelled`: given up before it
 * began. `failing`: its servers could not be handed over, its credits are back, and what was handed over is being taken back.
 * `failed`: that is done.
 */
export const leaseState = z.enum([
	'reserved',
	'starting',
	'active',
	'ending',
	'over',
	'cancelled',
	'failing',
	'failed',
]);

/** How many are kept, the last ones. */
export const mostLosses = 100;

const lease = z.strictObject({
	state: leaseState,
	project: projectName,
	/** The bid that it comes from. */
	bid: z.string(),
	servers: z.array(leasedServer).min(1),
	start: second,
	end: second,
	/** What its servers boot from, if its bid said so. */
	boot: boot.optional(),
	/** How its servers prove what they have booted; not at all when absent. */
	attestation: attestation.optional(),
	/** Where the credits for it are held, and how many of them: each server's price times the seconds. */
	hold: z.string(),
	cost: amountText,
	madeAt: second,
	/** When its project had all of its servers. */
	deliveredAt: second.nullable(),
	/** Why it came late: whose doing it was (an owner's, or its own project's), and for how many seconds. */
	delays: z.array(z.strictObject({ by: projectName, seconds: z.int().min(1) })).optional(),
	/** What is in the way of its delivery: whose doing it is, since when, and when that was seen last; see delay.ts. */
	obstacle: z
		.strictObject({
			by: projectName.nullable(),
			since: second,
			seen: second,
			/** Whoever it is answers for these seconds, and for none after them. */
			isBounded: z.boolean().optional(),
		})
		.nullable()
		.optional(),
	/** Servers that were cut off, or taken from the project, during the lease, and why; until null: that is so still. */
	losses: z
		.array(
			z.strictObject({
				server: serverName,
				at: second,
				until: second.nullable(),
				code: z.string().max(64),
				reason: z.string().max(500),
			}),
		)
		.max(mostLosses)
		.optional(),
	/** What is wrong with handing over or taking back, if anything is. */
	problem: z.string().max(500).nullable(),
});
export type Lease = z.output<typeof lease>;

/** It is to come or running: its project has, or will have, its servers. */
export const isAhead = ({ state }: Lease): boolean =>
	state === 'reserved' || state === 'starting' || state === 'active';

/** States in which there is something to come. */
const isOpen = (lease: Lease): boolean =>
	isAhead(lease) || lease.state === 'ending' || lease.state === 'failing';

export const leases = defineCollection('leases', lease, {
	project: ({ project }) => project,
	open: document => (isOpen(document) ? 'yes' : undefined),
	/** Servers that are, or will be, with its project. */
	out: document =>
		isOpen(document)
			? document.servers.filter(({ isBack }) => !isBack).map(({ server }) => server)
			: undefined,
	owner: ({ servers }) => servers.map(({ owner }) => owner),
	/** Those that it is let out of. */
	under: ({ servers }) => servers.flatMap(({ under }) => under ?? []),
});
