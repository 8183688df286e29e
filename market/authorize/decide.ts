import type { ReadTransaction } from '../../common/store/store.ts';
import { offers } from '../calendar/offer.ts';
import { whoSees } from '../calendar/offers.ts';
import { mustFindServer, ownerOf } from '../calendar/server.ts';
import { mustFindBid, partiesOf } from '../clearing/bids.ts';
import { marketErrors } from '../errors.ts';
import { mustFindLease } from '../lease/records.ts';
import { type Actor, isMember } from './actor.ts';
import { type ActionName, rules } from './table.ts';

/** The arguments of a call. */
export type Arguments = Readonly<Record<string, unknown>>;

/** Whether what only some projects see is for the actor; for none named, for everybody. */
export const isFor = (actor: Actor, projects: readonly string[]): boolean =>
	projects.length === 0 || actor.isAdmin || projects.some(project => actor.projects.has(project));

/**
 * Lets the actor's call pass, in the transaction that the call itself runs in.
 * @throws Forbidden for what the actor may see and not do; NoSuch… for what is not there, or not to be seen
 */
export async function authorize(
	tx: ReadTransaction,
	actor: Actor,
	action: ActionName,
	args: Arguments,
): Promise<void> {
	const named = (key: string): string => {
		const value = args[key];
		return typeof value === 'string' ? value : '';
	};
	const forbid = (who: string): never => {
		throw marketErrors.Forbidden(`${action} takes ${who}.`);
	};
	const rule = rules[action];
	switch (rule) {
		case 'any':
			return;
		case 'admin':
			if (!actor.isAdmin) forbid('an administrator');
			return;
		case 'project':
			if (!isMember(actor, named('project'))) forbid('a member of the project');
			return;
		case 'server':
			if (!isMember(actor, ownerOf(await mustFindServer(tx, named('server')))))
				forbid("a member of the server's owner");
			return;
		case 'offer-visible':
		case 'offer': {
			const id = named('offer');
			const found = id === '' ? undefined : await tx.get(offers, id);
			if (!found || !isFor(actor, whoSees(found))) throw marketErrors.NoSuchOffer(`There is no offer ${id}.`);
			if (rule === 'offer' && !isMember(actor, found.project)) forbid("a member of the offer's project");
			return;
		}
		case 'bid': {
			const id = named('bid');
			if (isMember(actor, (await mustFindBid(tx, id)).terms.project)) return;
			throw marketErrors.NoSuchBid(`There is no bid ${id} of yours.`);
		}
		case 'lease-visible':
		case 'lease':
		case 'lease-owner': {
			const id = named('lease');
			const found = await mustFindLease(tx, id);
			const parties = partiesOf(found);
			if (!isFor(actor, parties)) throw marketErrors.NoSuchLease(`There is no lease ${id} of yours.`);
			if (rule === 'lease' && !isMember(actor, found.project)) forbid("a member of the lease's project");
			const owner = named('project');
			const isOwner = isMember(actor, owner) && found.servers.some(each => each.owner === owner);
			if (rule === 'lease-owner' && !isOwner) forbid('a member of a project that owns servers of the lease');
			return;
		}
		default:
			rule satisfies never;
	}
}
