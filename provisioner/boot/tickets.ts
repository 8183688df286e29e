import { randomBytes } from 'node:crypto';
import type { Clock } from '../../common/clock.ts';

/** Lets one address get each of some documents once. */
interface Ticket {
	readonly mac: string;
	readonly address: string;
	/** The documents that are left. */
	readonly left: Set<string>;
	/** By Clock.elapsed; undefined: until it is used, or taken back. */
	readonly until: number | undefined;
}

export type Redeemed =
	| { readonly found: true; readonly mac: string; giveBack(): void }
	/** `mac`: whose ticket it is that was shown. */
	| {
			readonly found: false;
			readonly mac?: string;
			readonly reason: 'unknown' | 'address' | 'used' | 'over';
	  };

export interface Tickets {
	/** 256 random bits, as they stand in a URL. */
	issue(of: { mac: string; address: string; documents: readonly string[]; lifetime?: number }): string;
	/** Takes a document: nobody gets it again, unless it is given back for it did not arrive. */
	redeem(ticket: string, document: string, address: string): Redeemed;
	/** From now on it is unknown. */
	withdraw(ticket: string): void;
}

/** Tickets for what a node may read when it boots: each for one node's address, and for one reading. */
export function createTickets({ clock }: { readonly clock: Clock }): Tickets {
	const tickets = new Map<string, Ticket>();
	return {
		issue({ mac, address, documents, lifetime }) {
			const name = randomBytes(32).toString('base64url');
			const until = lifetime === undefined ? undefined : clock.elapsed() + lifetime;
			tickets.set(name, { mac, address, left: new Set(documents), until });
			return name;
		},
		redeem(name, document, address) {
			const ticket = tickets.get(name);
			if (!ticket) return { found: false, reason: 'unknown' };
			const { mac, left } = ticket;
			if (ticket.address !== address) return { found: false, mac, reason: 'address' };
			if (ticket.until !== undefined && clock.elapsed() > ticket.until) {
				return { found: false, mac, reason: 'over' };
			}
			if (!left.delete(document)) return { found: false, mac, reason: 'used' };
			return { found: true, mac, giveBack: () => void left.add(document) };
		},
		withdraw: name => void tickets.delete(name),
	};
}
