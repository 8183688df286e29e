import type { z } from 'zod';
import type { Offer } from '../calendar/offer.ts';
import { ownerOf, type Server } from '../calendar/server.ts';
import type { Bid } from '../clearing/bid.ts';
import type { Lease } from '../lease/lease.ts';
import { formatCredits } from '../ledger/money.ts';
import type * as views from '../v1/views.ts';

export const viewServer = (name: string, server: Server): z.output<typeof views.server> => ({
	name,
	owner: ownerOf(server),
	properties: server.properties,
	attestations: server.attestations,
});

export const viewOffer = (
	id: string,
	{ servers: _, times: __, offered, ...offer }: Offer,
): z.output<typeof views.offer> => ({ id, ...offer, servers: offered });

export const viewBid = (
	id: string,
	{ terms, hold: _, steps: __, ...bid }: Bid,
): z.output<typeof views.bid> => ({
	id,
	...terms,
	...bid,
});

export const viewLease = (
	id: string,
	{ hold: _, obstacle: ___, cost, servers, ...lease }: Lease,
): z.output<typeof views.lease> => ({
	id,
	...lease,
	servers: servers.map(({ extra: __, ...server }) => server),
	cost: formatCredits(BigInt(cost)),
});
