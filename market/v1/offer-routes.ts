import { z } from 'zod';
import { isFor } from '../authorize/decide.ts';
import { offers, offerTerms } from '../calendar/offer.ts';
import { makeOffer, mustFindOffer, whoSees, withdrawOffer } from '../calendar/offers.ts';
import { handOver, mustFindServer, ownerOf, recordServer, servers } from '../calendar/server.ts';
import { listPage } from '../core/pages.ts';
import { viewOffer, viewServer } from '../core/view.ts';
import { projectName } from '../ledger/account.ts';
import { pageArguments } from './page-arguments.ts';
import { changes, type MarketRoute, reads } from './route.ts';
import * as views from './views.ts';

export const offerRoutes = (): readonly MarketRoute[] => [
	reads({
		path: '/servers',
		action: 'server.list',
		summary: 'Servers, and whose they are',
		body: { ...pageArguments, project: projectName.optional() },
		answer: views.servers,
		verb: async (tx, { project, ...page }) => {
			const where = project === undefined ? undefined : { index: 'owner', equals: project };
			const { page: found, next } = await listPage(tx, servers, { ...page, where, show: viewServer });
			return { servers: found, next };
		},
	}),
	reads({
		path: '/servers/{server}',
		action: 'server.show',
		summary: 'A server, and whose it is',
		answer: views.server,
		verb: async (tx, { server }) => viewServer(server, await mustFindServer(tx, server)),
	}),
	changes('PUT', {
		path: '/servers/{server}',
		action: 'server.record',
		summary: 'Record a server and whose it is; recorded again, its properties are changed',
		body: {
			owner: projectName,
			properties: z.record(
				z.string().min(1).max(64),
				z.union([z.string().max(256), z.number(), z.boolean()]),
			),
			attestations: z.array(z.string().min(1).max(64)).max(32).default([]),
		},
		answer: views.server,
		verb: async (tx, { server, owner, properties, attestations }, { now }) => {
			await recordServer(tx, { name: server, owner, properties, attestations }, now);
			return viewServer(server, await mustFindServer(tx, server));
		},
		after: (view, { offered }, { server }) => {
			offered([server]);
			return view;
		},
	}),
	changes('POST', {
		path: '/servers/{server}/hand-over',
		action: 'server.hand-over',
		summary: 'Make a server another project’s; only while it is neither offered nor leased',
		body: { to: projectName },
		answer: views.server,
		verb: async (tx, { server, to }, { now }) => {
			const from = ownerOf(await mustFindServer(tx, server));
			await handOver(tx, { name: server, from, to }, now);
			return viewServer(server, await mustFindServer(tx, server));
		},
	}),
	reads({
		path: '/offers',
		action: 'offer.list',
		summary: 'Offers that are open and for the asker; of one project all of them',
		body: { ...pageArguments, project: projectName.optional() },
		answer: views.offers,
		verb: async (tx, { project, ...page }, { actor }) => {
			const where =
				project === undefined ? { index: 'open', equals: 'yes' } : { index: 'project', equals: project };
			const { page: found, next } = await listPage(tx, offers, {
				...page,
				where,
				show: (id, offer) => (isFor(actor, whoSees(offer)) ? viewOffer(id, offer) : undefined),
			});
			return { offers: found, next };
		},
	}),
	reads({
		path: '/offers/{offer}',
		action: 'offer.show',
		summary: 'An offer',
		answer: views.offer,
		verb: async (tx, { offer }) => viewOffer(offer, await mustFindOffer(tx, offer)),
	}),
	changes('POST', {
		path: '/offers',
		action: 'offer.make',
		summary: 'Offer servers of a project; bids that wait may be met at once',
		body: offerTerms.shape,
		answer: views.offer,
		verb: async (tx, terms, world) => {
			const id = await makeOffer(tx, terms, world);
			return viewOffer(id, await mustFindOffer(tx, id));
		},
		after: (view, { offered, deadlines }) => {
			deadlines.offer(view.id);
			offered(view.servers);
			return view;
		},
	}),
	changes('POST', {
		path: '/offers/{offer}/withdraw',
		action: 'offer.withdraw',
		summary: 'Take an offer back; leases that there are go on',
		answer: views.offer,
		verb: async (tx, { offer: id }, { now }) => {
			const { project } = await mustFindOffer(tx, id);
			await withdrawOffer(tx, { id, project }, now);
			return viewOffer(id, await mustFindOffer(tx, id));
		},
	}),
];
