import type { BidView } from '../client.ts';
import type { Agent, AgentMarket, AgentSettings, Job, JobQueue } from './agent.ts';
import { createAskingPrice } from './asking-price.ts';
import { createOwnServers } from './own-servers.ts';

export interface JobAgentSettings extends AgentSettings {
	readonly queue: JobQueue;
	/** Its jobs run on such servers only. */
	readonly where: { property: string; op: '=='; value: string }[];
	readonly attestations: string[];
	/** Own servers that are never offered. */
	readonly reserve: number;
}

/** A job that has servers, or a bid for them. */
interface Booking {
	readonly job: Job;
	/** How many of its servers are the project's own. */
	readonly own: number;
	/** A bid that waits. */
	bid: string | undefined;
	lease: string | undefined;
	/** When it begins, and when it has begun. */
	start: number;
	isRunning: boolean;
	/** The seconds until which it has leased servers. */
	leased: readonly number[];
}

/**
 * A project that has jobs: each needs a number of servers at once. They run on the project's own as far as those go; for the
 * others it bids as soon as the job is known, also for times to come, and waits until the job could no longer begin.
 */
export function createJobAgent(market: AgentMarket, settings: JobAgentSettings): Agent {
	const { project, servers, worth, floor, isPriced, queue, where, attestations, reserve } = settings;
	const own = createOwnServers(market, settings);
	const ask = createAskingPrice(market, settings);
	const bookings = new Map<string, Booking>();
	/** Bids by their jobs, when some may be there that are in no booking. */
	let placed: ReadonlyMap<string, BidView> | undefined;
	let isKnown = false;
	const endOf = ({ job, start }: Booking): number => start + job.length;

	/** Takes a bid's place in the bookings; a job that lost its servers is given up. */
	async function follow(each: Booking, now: number): Promise<void> {
		if (each.bid !== undefined) {
			const { state, lease } = await market.bid(each.bid);
			if (state === 'waiting') return;
			each.bid = undefined;
			if (lease === null) return drop(each, now);
			each.lease = lease;
		}
		if (each.lease === undefined) return;
		const { state, start, servers: all } = await market.lease(each.lease);
		if (!each.isRunning) each.start = start;
		if (state === 'cancelled' || state === 'failed') return drop(each, now);
		each.leased = all.filter(({ isBack }) => !isBack).map(({ until }) => until);
	}

	function drop({ job, isRunning }: Booking, now: number): void {
		bookings.delete(job.id);
		if (!isRunning) queue.giveUp(job, now);
	}

	/** Own servers that no job will have at that time. */
	const ownFree = (from: number, to: number): number =>
		[...bookings.values()].reduce(
			(left, each) => (each.start < to && from < endOf(each) ? left - each.own : left),
			servers.length,
		);

	/** Bids are placed under the ids of their jobs: a job has no more than one. */
	async function takeOver(): Promise<void> {
		const all = await market.bids({ project, all: true });
		placed = new Map(all.map(each => [each.key, each]));
	}

	async function book(job: Job, now: number): Promise<void> {
		const before = placed?.get(job.id);
		if (before) {
			const { id, quantity, lease } = before;
			const own = job.servers - quantity;
			const taken = { job, own, bid: id, lease: lease ?? undefined, start: job.latest };
			const booking: Booking = { ...taken, isRunning: false, leased: [] };
			bookings.set(job.id, booking);
			return follow(booking, now);
		}
		const from = Math.max(now, job.earliest);
		const free = Math.max(0, ownFree(from, Math.max(from, job.latest) + job.length));
		const ours = Math.min(job.servers, free);
		const booking: Booking = {
			job,
			own: ours,
			bid: undefined,
			lease: undefined,
			start: from,
			isRunning: false,
			leased: [],
		};
		const quantity = job.servers - ours;
		if (quantity === 0) return void bookings.set(job.id, booking);
		const { available } = await market.credits(project);
		const affordable = Math.floor((Number(available) * 1e6) / (quantity * job.length));
		const highest = isPriced ? Math.min(worth, affordable) : floor;
		// It may earn what it needs until then.
		if (highest < 1) return;
		const outcome = await market.placeBid({
			key: job.id,
			project,
			quantity,
			servers: { where },
			attestations,
			earliest: from,
			latest: job.latest,
			length: job.length,
			deadline: null,
			highest: String(highest),
			allOrNothing: true,
			waitUntil: job.latest > now ? job.latest : null,
		});
		if (outcome.outcome === 'leased') {
			booking.lease = outcome.lease.id;
			booking.start = outcome.lease.start;
			booking.leased = outcome.lease.servers.map(({ until }) => until);
		} else if (outcome.outcome === 'waiting') {
			booking.bid = outcome.bid;
			booking.start = job.latest;
		} else return;
		bookings.set(job.id, booking);
	}

	function beginDue(now: number): void {
		let inHand = own.inHand(now);
		for (const each of bookings.values()) if (each.isRunning) inHand -= each.own;
		for (const each of bookings.values()) {
			if (each.isRunning || each.bid !== undefined || each.start > now) continue;
			if (each.own > inHand) {
				if (each.lease === undefined && now <= each.job.latest) each.start = now;
				else if (each.lease === undefined) drop(each, now);
				continue;
			}
			inHand -= each.own;
			each.isRunning = true;
			if (each.lease === undefined) each.start = now;
			queue.begin(each.job, now);
		}
	}

	return {
		busy(now) {
			let ours = 0;
			let others = 0;
			for (const each of bookings.values()) {
				if (!each.isRunning || endOf(each) <= now) continue;
				ours += each.own;
				others += each.leased.filter(until => until > now).length;
			}
			return Math.min(ours, own.inHand(now)) + others;
		},
		async act(now) {
			if (!isKnown) await takeOver();
			isKnown = false;
			for (const each of bookings.values()) {
				if (endOf(each) <= now) drop(each, now);
				else await follow(each, now);
			}
			for (const job of queue.waiting(now)) {
				if (bookings.has(job.id)) continue;
				if (now > job.latest) queue.giveUp(job, now);
				else await book(job, now);
			}
			const soon = now + settings.notice;
			const needed = [...bookings.values()].reduce(
				(sum, each) => (each.bid === undefined && each.start <= soon ? sum + each.own : sum),
				0,
			);
			await own.keep(Math.min(servers.length, Math.max(needed, reserve)), now, await ask(now));
			beginDue(now);
			isKnown = true;
			placed = undefined;
		},
	};
}
