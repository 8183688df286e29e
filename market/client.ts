import type { z } from 'zod';
import { createUserClient, type UserClientOptions } from '../common/http/json-client.ts';
import type { OfferTerms } from './calendar/offer.ts';
import type { BidTerms } from './clearing/bid.ts';
import type { EventsAsked, EventsView } from './client/follow-events.ts';
import type { MarketTransport } from './client/transport.ts';
import * as views from './v1/views.ts';

export type { BidTerms, OfferTerms };
export type ServerView = z.output<typeof views.server>;
export type OfferView = z.output<typeof views.offer>;
export type BidView = z.output<typeof views.bid>;
export type PlacedView = z.output<typeof views.placed>;
export type LeaseView = z.output<typeof views.lease>;
export type WhyView = z.output<typeof views.why>;
export { isChosen } from './calendar/choice.ts';
export { type EventsView, followEvents } from './client/follow-events.ts';

type ServerProperties = Readonly<Record<string, string | number | boolean>>;

/** Which of a list: one project's, and what is over as well. */
export interface Listed {
	readonly project?: string | undefined;
	readonly all?: boolean | undefined;
}

/**
 * The market as programs use it; lists are whole, whatever number of pages they have. Every call throws a BimetalError with
 * the market's code and status when it is refused, `MarketUnreachable` when there is no answer, `MarketNotTrusted` when TLS
 * fails, `BadAnswer` when the answer is not understood, and `Interrupted` when its signal has ended it.
 */
export interface MarketClient {
	me(): Promise<z.output<typeof views.me>>;
	/** All of them, or one project's. */
	servers(of?: { readonly project?: string | undefined }): Promise<readonly ServerView[]>;
	/** For administrators. */
	recordServer(
		name: string,
		of: {
			readonly owner: string;
			readonly properties: ServerProperties;
			readonly attestations?: readonly string[];
		},
	): Promise<z.output<typeof views.server>>;
	offers(of?: Listed): Promise<readonly OfferView[]>;
	offer(id: string): Promise<OfferView>;
	makeOffer(terms: OfferTerms): Promise<OfferView>;
	withdrawOffer(id: string): Promise<OfferView>;
	bids(of?: Listed): Promise<readonly BidView[]>;
	bid(id: string): Promise<BidView>;
	placeBid(bid: BidTerms & { readonly key: string }): Promise<PlacedView>;
	why(bid: string): Promise<WhyView>;
	withdrawBid(id: string): Promise<BidView>;
	leases(of?: Listed): Promise<readonly LeaseView[]>;
	lease(id: string): Promise<LeaseView>;
	changeLease(id: string, change: 'cancel' | 'release'): Promise<LeaseView>;
	extendLease(id: string, until: number): Promise<LeaseView>;
	recall(lease: string, project: string): Promise<LeaseView>;
	credits(project: string): Promise<z.output<typeof views.account>>;
	statement(project: string): Promise<z.output<typeof views.statement>['lines']>;
	/** What a project owes, and is owed: what is not paid yet, or all of it. */
	claims(project: string, all?: boolean): Promise<z.output<typeof views.claims>['claims']>;
	moveCredits(
		project: string,
		move: 'transfer' | 'grant',
		of: { readonly amount: string; readonly key: string; readonly note: string; readonly to?: string },
	): Promise<z.output<typeof views.account>>;
	prices(): Promise<z.output<typeof views.prices>['days']>;
	/** From one second to another, today when absent. */
	guides(within?: { readonly from?: number; readonly to?: number }): Promise<z.output<typeof views.guides>>;
	/** `step` in seconds. */
	calendar(of: {
		readonly from: number;
		readonly step: number;
		readonly parts: number;
	}): Promise<z.output<typeof views.calendar>['parts']>;
	serverCalendar(
		server: string,
		within: { readonly from: number; readonly to: number },
	): Promise<z.output<typeof views.serverCalendar>>;
	/** What happened; followEvents() goes on from there. */
	events(of?: EventsAsked): Promise<EventsView>;
	close(): Promise<void>;
}

const at = (strings: TemplateStringsArray, ...names: readonly string[]): string =>
	String.raw({ raw: strings }, ...names.map(name => encodeURIComponent(name)));

const query = (path: string, of: object): string => {
	const given = Object.entries(of).filter(([, value]) => value !== undefined && value !== false);
	const text = new URLSearchParams(
		given.map(([name, value]): [string, string] => [name, String(value)]),
	).toString();
	return text === '' ? path : `${path}?${text}`;
};

export const createMarketClient = (options: UserClientOptions): MarketClient =>
	clientOver(createUserClient('Market', options));

/** The client over some way of making calls: in a simulation there is no network. */
export function clientOver({ call, close }: MarketTransport): MarketClient {
	/** Every page of a list. */
	async function all<V, A extends { readonly next?: string | undefined }>(
		schema: z.ZodType<A>,
		path: string,
		of: object,
		items: (answer: A) => readonly V[],
	): Promise<V[]> {
		const found: V[] = [];
		let after: string | undefined;
		do {
			const answer = await call(schema, 'GET', query(path, { ...of, after, limit: 1000 }));
			found.push(...items(answer));
			after = answer.next;
		} while (after !== undefined);
		return found;
	}
	return {
		me: () => call(views.me, 'GET', '/v1/me'),
		servers: ({ project } = {}) => all(views.servers, '/v1/servers', { project }, ({ servers }) => servers),
		recordServer: (name, of) => call(views.server, 'PUT', at`/v1/servers/${name}`, of),
		offers: ({ project } = {}) => all(views.offers, '/v1/offers', { project }, ({ offers }) => offers),
		offer: id => call(views.offer, 'GET', at`/v1/offers/${id}`),
		makeOffer: terms => call(views.offer, 'POST', '/v1/offers', terms),
		withdrawOffer: id => call(views.offer, 'POST', at`/v1/offers/${id}/withdraw`, {}),
		bids: (of = {}) => all(views.bids, '/v1/bids', of, ({ bids }) => bids),
		bid: id => call(views.bid, 'GET', at`/v1/bids/${id}`),
		placeBid: bid => call(views.placed, 'POST', '/v1/bids', bid),
		why: id => call(views.why, 'GET', at`/v1/bids/${id}/why`),
		withdrawBid: id => call(views.bid, 'POST', at`/v1/bids/${id}/withdraw`, {}),
		leases: (of = {}) => all(views.leases, '/v1/leases', of, ({ leases }) => leases),
		lease: id => call(views.lease, 'GET', at`/v1/leases/${id}`),
		changeLease: (id, change) => call(views.lease, 'POST', at`/v1/leases/${id}/${change}`, {}),
		extendLease: (id, until) => call(views.lease, 'POST', at`/v1/leases/${id}/extend`, { until }),
		recall: (id, project) => call(views.lease, 'POST', at`/v1/leases/${id}/recall`, { project }),
		credits: project => call(views.account, 'GET', at`/v1/credits/${project}`),
		statement: project =>
			all(views.statement, at`/v1/credits/${project}/statement`, {}, ({ lines }) => lines),
		claims: (project, every) =>
			all(views.claims, at`/v1/credits/${project}/claims`, { all: every }, ({ claims }) => claims),
		moveCredits: (project, move, of) => call(views.account, 'POST', at`/v1/credits/${project}/${move}`, of),
		prices: async () => (await call(views.prices, 'GET', '/v1/prices')).days,
		guides: (within = {}) => call(views.guides, 'GET', query('/v1/prices/guide', within)),
		calendar: async of => (await call(views.calendar, 'GET', query('/v1/calendar', of))).parts,
		serverCalendar: (server, within) =>
			call(views.serverCalendar, 'GET', query(at`/v1/calendar/${server}`, within)),
		events: (of = {}) => call(views.events, 'GET', query('/v1/events', of)),
		close,
	};
}
