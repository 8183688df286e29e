import type { AgentMarket, AgentSettings } from './agent.ts';

interface Block {
	readonly names: readonly string[];
	offer: { readonly id: string; readonly until: number; readonly price: number } | undefined;
	/** When others have some of them all the same: leases under offers that were taken back. */
	away: { readonly start: number; readonly end: number }[];
}

export interface OwnServers {
	/** How many are neither offered nor with others. */
	inHand(now: number): number;
	/** Offers what is not needed to have so many, or takes back what is. Without `price`, nothing is offered. */
	keep(count: number, now: number, price: number | undefined): Promise<void>;
}

const day = 86_400;
/** How far ahead servers are offered: leases can be reserved for that long. */
const horizon = 14 * day;

/**
 * Offers a project's servers in blocks, each an offer of its own, and takes them back: first those that nobody has leased. What the
 * project offers of them already is taken over where it is one of these blocks, and withdrawn where it is not.
 */
export function createOwnServers(market: AgentMarket, settings: AgentSettings): OwnServers {
	const { project, servers, block, shortest, notice } = settings;
	const blocks: Block[] = [];
	/** False at first, and when a call may have done more than its answer said. */
	let isKnown = false;
	for (let from = 0; from < servers.length; from += block)
		blocks.push({ names: servers.slice(from, from + block), offer: undefined, away: [] });

	const isInHand = ({ offer: of, away }: Block, now: number): boolean =>
		of === undefined && !away.some(({ start, end }) => start <= now && now < end);
	const inHand = (now: number): number =>
		blocks.reduce((sum, each) => sum + (isInHand(each, now) ? each.names.length : 0), 0);

	async function offer(each: Block, now: number, price: number): Promise<void> {
		const until = now + horizon;
		const { id } = await market.makeOffer({
			project,
			servers: { names: [...each.names] },
			times: { type: 'once', intervals: [{ start: now, end: until }] },
			price: String(price),
			shortest,
			longest: horizon,
			to: null,
			recallNotice: notice,
		});
		each.offer = { id, until, price };
	}

	/** Leases under it go on. */
	async function withdraw(each: Block): Promise<void> {
		if (each.offer) await market.withdrawOffer(each.offer.id);
		each.offer = undefined;
	}

	/** Until when others have servers of ours, and by which leases. */
	async function lent(now: number): Promise<Map<string, { until: number; start: number; lease: string }[]>> {
		const found = new Map<string, { until: number; start: number; lease: string }[]>();
		for (const lease of await market.leases()) {
			for (const { server, owner, until, isBack } of lease.servers) {
				if (owner !== project || isBack || until <= now) continue;
				const all = found.get(server) ?? [];
				all.push({ until, start: lease.start, lease: lease.id });
				found.set(server, all);
			}
		}
		return found;
	}

	/** What has become of the blocks: before this process began, or in calls that nobody knows the answers of. */
	async function takeOver(now: number): Promise<void> {
		for (const each of blocks) each.offer = undefined;
		const all = new Set(servers);
		for (const { id, state, under, servers: offered, intervals, price } of await market.offers({ project })) {
			if (state !== 'open' || under !== undefined || !offered.some(name => all.has(name))) continue;
			const same = blocks.find(
				({ names, offer: has }) => !has && new Set([...names, ...offered]).size === names.length,
			);
			if (same && same.names.length === offered.length)
				same.offer = { id, until: intervals.at(-1)?.end ?? now, price: Number(price) };
			else await market.withdrawOffer(id);
		}
		const leased = await lent(now);
		for (const each of blocks)
			each.away = each.names
				.flatMap(name => leased.get(name) ?? [])
				.map(({ start, until }) => ({ start, end: until }));
	}

	async function takeBack(count: number, now: number): Promise<void> {
		let missing = count;
		const leased = await lent(now);
		const ofBlock = ({ names }: Block) => names.flatMap(name => leased.get(name) ?? []);
		const offered = blocks
			.filter(each => each.offer !== undefined)
			.map(each => ({ each, leases: ofBlock(each) }))
			.sort((a, b) => a.leases.length - b.leases.length);
		for (const { each } of offered) {
			if (missing <= 0) return;
			await withdraw(each);
			const recalled = new Set<string>();
			each.away = ofBlock(each).map(({ lease, until, start }) => {
				const back = Math.max(now, start) + notice;
				if (back < until) recalled.add(lease);
				return { start, end: Math.min(until, back) };
			});
			for (const lease of recalled) await recall(lease);
			missing -= each.names.length;
		}
	}

	/** What goes back sooner anyway, or went back with another block of the same lease, is no fault. */
	async function recall(lease: string): Promise<void> {
		try {
			await market.recall(lease, project);
		} catch (fault) {
			const { code } = fault as { code?: string };
			if (code !== 'RecallRefused' && code !== 'LeaseOver') throw fault;
		}
	}

	return {
		inHand,
		async keep(count, now, price) {
			if (!isKnown) await takeOver(now);
			isKnown = false;
			for (const each of blocks) {
				if (!each.offer || each.offer.until > now) continue;
				each.offer = undefined;
			}
			// What comes back soon will be in hand, and is not asked for again.
			const coming = blocks.reduce((sum, { offer: of, names }) => sum + (of ? 0 : names.length), 0);
			if (coming < count) await takeBack(count - coming, now);
			if (price !== undefined) await offerOut(count, coming, now, price);
			isKnown = true;
		},
	};

	async function offerOut(count: number, had: number, now: number, price: number): Promise<void> {
		let coming = had;
		for (const each of blocks) {
			if (!isInHand(each, now) || coming - each.names.length < count) continue;
			await offer(each, now, price);
			coming -= each.names.length;
		}
		// Offers that ask for something else by now, or soon end, are made anew; leases under them go on.
		for (const each of blocks) {
			if (!each.offer) continue;
			const isOld = each.offer.until - now < horizon / 2;
			if (!isOld && Math.abs(each.offer.price - price) <= each.offer.price / 10) continue;
			await withdraw(each);
			await offer(each, now, price);
		}
	}
}
