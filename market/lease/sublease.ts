import type { ReadTransaction } from '../../common/store/store.ts';
import { isChosen } from '../calendar/choice.ts';
import type { Interval } from '../calendar/interval.ts';
import { type Offer, type OfferTerms, offers } from '../calendar/offer.ts';
import { mustFindServer } from '../calendar/server.ts';
import { marketErrors } from '../errors.ts';
import { isAhead, type Lease, type LeasedServer, leases } from './lease.ts';

/** What an offer out of a lease stands on. */
export interface Footing {
	/** Names of the servers, all of them leased for all of `within`. */
	readonly servers: string[];
	readonly within: Interval;
	/** Whom it may go to at most: what each offer further up says, all together; null: anybody. */
	readonly to: string[] | null;
	/** Owners, and who has leased from whom, down to those whom the project has them from. */
	readonly chain: string[];
}

/**
 * What a project may offer on of a lease of its own. Nobody further down gets more than each one above has agreed to: whom it may
 * go to, and how soon a server is back when it is recalled.
 * @throws NoSuchLease, LeaseOver, NotTheOwner, NoServerMatches, NoSuchServer, SubleaseRefused, TimesRefused
 */
export async function footingOf(tx: ReadTransaction, { under = '', ...terms }: OfferTerms): Promise<Footing> {
	const lease = await tx.get(leases, under);
	if (lease?.project !== terms.project)
		throw marketErrors.NoSuchLease(`There is no lease ${under} of ${terms.project}'s.`);
	if (!isAhead(lease)) throw marketErrors.LeaseOver(`Lease ${under} is ${lease.state} already.`);
	const chosen = await chosenOf(tx, lease, under, terms);
	const chain = new Set<string>();
	let to: readonly string[] | null = null;
	for (const { server, offer: id } of chosen) {
		const offer = await tx.get(offers, id);
		if (!offer?.sublease)
			throw marketErrors.SubleaseRefused(
				`Server ${server} was offered for ${terms.project}'s own use: its offer does not let it be leased on.`,
			);
		for (const each of [...(offer.chain ?? []), offer.project]) chain.add(each);
		to = both(to, both(offer.to, offer.sublease.to));
		checkNotice(server, offer, terms.recallNotice);
	}
	const barred = terms.to?.find(project => to !== null && !to.includes(project));
	if (barred !== undefined || to?.length === 0)
		throw marketErrors.SubleaseRefused(
			`It may not go to ${barred ?? 'anybody'}: these servers may go on to ${to?.join(', ') || 'nobody'} only.`,
		);
	return {
		servers: chosen.map(({ server }) => server).sort(),
		within: { start: lease.start, end: Math.min(...chosen.map(({ until }) => until)) },
		to: terms.to ?? (to && [...to]),
		chain: [...chain],
	};
}

async function chosenOf(
	tx: ReadTransaction,
	lease: Lease,
	id: string,
	{ servers: wanted, project }: Omit<OfferTerms, 'under'>,
): Promise<LeasedServer[]> {
	const there = lease.servers.filter(({ isBack }) => !isBack);
	if ('names' in wanted) {
		return [...new Set(wanted.names)].map(name => {
			const found = there.find(({ server }) => server === name);
			if (found) return found;
			throw marketErrors.NotTheOwner(`Server ${name} is not in lease ${id} of ${project}'s.`);
		});
	}
	const found: LeasedServer[] = [];
	for (const each of there)
		if (isChosen(each.server, await mustFindServer(tx, each.server), wanted)) found.push(each);
	if (found.length > 0) return found;
	throw marketErrors.NoServerMatches(
		`None of the ${there.length} servers of lease ${id} is as the query says.`,
	);
}

/** Whom both let it go to. */
const both = (one: readonly string[] | null, other: readonly string[] | null): readonly string[] | null =>
	one && other ? one.filter(each => other.includes(each)) : (one ?? other);

/** Whoever leases it on has agreed to no longer notice than there is when somebody above recalls it. */
function checkNotice(server: string, { recallNotice: above }: Offer, notice: number | null): void {
	if (above === null || (notice !== null && notice <= above)) return;
	throw marketErrors.SubleaseRefused(
		`Server ${server} can be recalled with ${above} s notice: offer it with that, or less.`,
	);
}

/** Leases that have some of what a lease has. */
export const subleasesOf = async (
	tx: ReadTransaction,
	id: string,
): Promise<{ id: string; document: Lease }[]> => tx.list(leases, { where: { index: 'under', equals: id } });
