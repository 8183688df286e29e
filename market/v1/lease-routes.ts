import { z } from 'zod';
import { isMember } from '../authorize/actor.ts';
import { isFor } from '../authorize/decide.ts';
import { second } from '../calendar/interval.ts';
import { type Bid, bids, bidTerms } from '../clearing/bid.ts';
import { mustFindBid, partiesOf, placeBid, wishOf, withdrawBid } from '../clearing/bids.ts';
import { explain } from '../clearing/survey.ts';
import { listPage } from '../core/pages.ts';
import { viewBid, viewLease } from '../core/view.ts';
import { type Lease, leases } from '../lease/lease.ts';
import { cancelLease, extendLease, recallServers, releaseLease } from '../lease/leases.ts';
import { mustFindLease } from '../lease/records.ts';
import { rules } from '../lease/rules.ts';
import { projectName } from '../ledger/account.ts';
import type { MarketDeps } from '../market-deps.ts';
import type { Verb } from '../perform.ts';
import { lossOf } from '../round/losses.ts';
import { pageArguments } from './page-arguments.ts';
import { changes, type MarketRoute, reads } from './route.ts';
import * as views from './views.ts';

const listArguments = {
	...pageArguments,
	project: projectName.optional(),
	/** What is over as well. */
	all: z.enum(['true', 'false']).optional(),
};

/** What a list goes by: one project's, or all that is open. */
const whereOf = (project: string | undefined) =>
	project === undefined ? { index: 'open', equals: 'yes' } : { index: 'project', equals: project };

/** A lease was changed: it goes on, and its servers may be free sooner. */
const changed = (view: ReturnType<typeof viewLease>, { driver, offered }: MarketDeps): unknown => {
	driver.wake(view.id);
	offered(view.servers.map(({ server }) => server));
	return view;
};

/** A change of a lease, and the lease after it. */
const thenShow =
	<A extends { readonly lease: string }>(verb: Verb<A, unknown>): Verb<A, ReturnType<typeof viewLease>> =>
	async (tx, args, world) => {
		await verb(tx, args, world);
		return viewLease(args.lease, await mustFindLease(tx, args.lease));
	};

export const leaseRoutes = (): readonly MarketRoute[] => [
	reads({
		path: '/bids',
		action: 'bid.list',
		summary: 'Bids of the asker’s projects that wait; of one project with `all` also those that wait no more',
		body: listArguments,
		answer: views.bids,
		verb: async (tx, { project, all, ...page }, { actor }) => {
			const isShown = ({ terms, state }: Bid): boolean =>
				isMember(actor, terms.project) && (all === 'true' || state === 'waiting');
			const { page: found, next } = await listPage(tx, bids, {
				...page,
				where: whereOf(project),
				show: (id, bid) => (isShown(bid) ? viewBid(id, bid) : undefined),
			});
			return { bids: found, next };
		},
	}),
	reads({
		path: '/bids/{bid}',
		action: 'bid.show',
		summary: 'A bid, and what became of it',
		answer: views.bid,
		verb: async (tx, { bid }) => viewBid(bid, await mustFindBid(tx, bid)),
	}),
	changes('POST', {
		path: '/bids',
		action: 'bid.place',
		summary: 'Bid for servers: leased at once, waiting, or lost and why; the same key again is the same bid',
		body: { ...bidTerms.shape, key: z.string().min(1).max(200) },
		answer: views.placed,
		verb: async (tx, { key, ...bid }, world) => {
			const outcome = await placeBid(tx, { key, bid }, world);
			if (outcome.outcome !== 'leased') return outcome;
			const { bid: of, id, lease, more } = outcome;
			return {
				outcome: 'leased' as const,
				bid: of,
				lease: viewLease(id, lease),
				...(more && { more: more.map(each => viewLease(each.id, each.lease)) }),
			};
		},
		after: (outcome, { driver, deadlines }) => {
			if (outcome.outcome === 'leased')
				for (const { id } of [outcome.lease, ...(outcome.more ?? [])]) driver.wake(id);
			if (outcome.outcome === 'waiting') deadlines.bid(outcome.bid);
			return outcome;
		},
	}),
	reads({
		path: '/bids/{bid}/why',
		action: 'bid.explain',
		summary: 'Why a bid is not met now',
		answer: views.why,
		verb: async (tx, { bid }, { index, now }) => {
			const why = explain(index, await wishOf(tx, await mustFindBid(tx, bid), now));
			const lastRound = await lossOf(tx, bid);
			return { ...why, ...(lastRound && { lastRound }) };
		},
	}),
	changes('POST', {
		path: '/bids/{bid}/withdraw',
		action: 'bid.withdraw',
		summary: 'Let a bid wait no more: what is held for it goes back',
		answer: views.bid,
		verb: async (tx, { bid: id }, { now }) => {
			await withdrawBid(tx, { id, state: 'withdrawn' }, now);
			return viewBid(id, await mustFindBid(tx, id));
		},
	}),
	reads({
		path: '/leases',
		action: 'lease.list',
		summary:
			'Leases that concern the asker’s projects and are to come or running; of one project with `all` every one',
		body: listArguments,
		answer: views.leases,
		verb: async (tx, { project, all, ...page }, { actor }) => {
			const isOpen = ({ state }: Lease): boolean =>
				state !== 'over' && state !== 'cancelled' && state !== 'failed';
			const { page: found, next } = await listPage(tx, leases, {
				...page,
				where: whereOf(project),
				show: (id, lease) =>
					(all === 'true' || isOpen(lease)) && isFor(actor, partiesOf(lease))
						? viewLease(id, lease)
						: undefined,
			});
			return { leases: found, next };
		},
	}),
	reads({
		path: '/leases/{lease}',
		action: 'lease.show',
		summary: 'A lease',
		answer: views.lease,
		verb: async (tx, { lease }) => viewLease(lease, await mustFindLease(tx, lease)),
	}),
	changes('POST', {
		path: '/leases/{lease}/cancel',
		action: 'lease.cancel',
		summary: 'Give a lease up before it begins: costs nothing',
		body: {},
		answer: views.lease,
		verb: thenShow((tx, { lease: id }, { now }) => cancelLease(tx, { id }, now)),
		after: changed,
	}),
	changes('POST', {
		path: '/leases/{lease}/release',
		action: 'lease.release',
		summary: 'Give the servers back before the end',
		body: {},
		answer: views.lease,
		verb: thenShow((tx, { lease: id }, { now }) => releaseLease(tx, { id }, now)),
		after: changed,
	}),
	changes('POST', {
		path: '/leases/{lease}/extend',
		action: 'lease.extend',
		summary: 'Make a lease last until a later second, at its price',
		body: { until: second },
		answer: views.lease,
		verb: thenShow((tx, { lease: id, until }, { now }) => extendLease(tx, { id, until }, now)),
		after: changed,
	}),
	changes('POST', {
		path: '/leases/{lease}/recall',
		action: 'lease.recall',
		summary: 'Take a project’s own servers back, after the notice of their offer',
		body: { project: projectName },
		answer: views.lease,
		verb: thenShow((tx, { lease: id, project: owner }, { now }) => recallServers(tx, { id, owner }, now)),
		after: changed,
	}),
	reads({
		path: '/rules',
		action: 'rules.show',
		summary: 'What it costs when a lease does not go as agreed',
		answer: views.rules,
		verb: async () => rules,
	}),
];
