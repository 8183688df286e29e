import { randomBytes } from 'node:crypto';
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Operator } from '../operator.ts';
import { createDelivery, type Delivery, type DeliveryOutcome } from './delivery.ts';
import type { DestinationGuard } from './destination-guard.ts';
import { eventErrors } from './errors.ts';
import { gapView, type View } from './event-message.ts';
import type { Hub } from './hub.ts';
import { eventSettings, type SubscriptionDocument, subscriptions } from './subscription-document.ts';
import { pickWanted } from './wanted-events.ts';

export interface SubscriptionsDeps {
	readonly store: Store;
	readonly guard: DestinationGuard;
	/** Undefined for a BMC that the site has no more. */
	readonly hubOf: (bmc: string) => Hub | undefined;
	readonly audit: Pick<AuditLog, 'append'>;
	readonly clock: Clock;
	readonly logger: Pick<Logger, 'warn' | 'error'>;
	/** Subscriptions of one party at one BMC. */
	readonly perParty: number;
	readonly countDelivery: (outcome: DeliveryOutcome) => void;
}

export interface Settings {
	readonly enabled: boolean;
	readonly attempts: number;
	readonly intervalSeconds: number;
}

/** A subscription with how it fares. */
export interface Subscription {
	readonly id: string;
	readonly document: SubscriptionDocument;
	/** Why nothing is delivered now, for people; undefined while all is well. */
	readonly trouble: string | undefined;
	readonly queued: number;
}

/** Subscriptions to have events pushed: kept over restarts, each seen by its own party alone. */
export interface Subscriptions {
	list(bmc: string, party: string): readonly Subscription[];
	get(bmc: string, party: string, id: string): Subscription | undefined;
	/** On disk when the promise resolves. Throws DestinationNotAllowed or TooManySubscriptions. */
	add(document: SubscriptionDocument): Promise<string>;
	change(
		id: string,
		by: Operator,
		changes: Partial<Pick<SubscriptionDocument, 'context' | 'retryPolicy' | 'headers' | 'suspended'>>,
	): Promise<void>;
	remove(id: string, by: Operator | undefined, why: string): Promise<void>;
	settings(bmc: string, party: string): Settings;
	changeSettings(bmc: string, party: string, changes: Partial<Settings>): Promise<void>;
	close(): void;
}

const usualSettings: Settings = { enabled: true, attempts: 3, intervalSeconds: 30 };

interface Live {
	document: SubscriptionDocument;
	delivery: Delivery | undefined;
	leave: () => void;
	isRefused: boolean;
	/** When the queue was full for the first time since; milliseconds. */
	lostSince: number | undefined;
}

/** Opens those of the store: what happened while the proxy was not there is told them as a gap. */
export async function openSubscriptions(deps: SubscriptionsDeps): Promise<Subscriptions> {
	const { store, clock, guard } = deps;
	const live = new Map<string, Live>();
	const settings = new Map<string, Settings>();
	const keyOf = (bmc: string, party: string): string => `${bmc} ${party}`;
	const settingsOf = (bmc: string, party: string): Settings =>
		settings.get(keyOf(bmc, party)) ?? usualSettings;

	const record = (
		action: 'subscribe' | 'change' | 'unsubscribe' | 'suspend' | 'resume',
		id: string,
		{ bmc, party, destination }: SubscriptionDocument,
		operator: string | null,
		why = '',
	): Promise<void> => {
		const detail = [new URL(destination).origin, why].filter(Boolean).join(': ');
		return deps.audit.append({ kind: 'events', action, id, bmc, operator, party, detail }).durable;
	};
	const unheard = (fault: unknown): void =>
		deps.logger.error({ err: fault }, 'what became of a subscription could not be kept');

	const deliver = (id: string, one: Live, view: View): void => {
		const { document, delivery } = one;
		if (!delivery || !settingsOf(document.bmc, document.party).enabled) return;
		one.isRefused = false;
		const picked = pickWanted(view, document.wanted);
		if (!picked) return;
		if (one.lostSince !== undefined) {
			const { bmc } = document;
			const gap = gapView(`${view.id}-gap`, { bmc, since: one.lostSince, until: clock.now() });
			if (!delivery.push(render(gap, document))) return;
			one.lostSince = undefined;
		}
		if (delivery.push(render(picked, document))) return;
		one.lostSince ??= clock.now();
		deps.logger.warn(
			{ subscription: id, bmc: document.bmc },
			'a subscriber does not keep up: events are lost to it',
		);
	};

	const start = (id: string, document: SubscriptionDocument, isRestart: boolean): void => {
		const one: Live = {
			document,
			delivery: undefined,
			leave: () => undefined,
			isRefused: false,
			lostSince: undefined,
		};
		live.set(id, one);
		const hub = deps.hubOf(document.bmc);
		if (document.suspended !== null || !hub) return;
		one.delivery = createDelivery({
			subscription: document,
			permit: () => guard.permit(document.party, document.destination),
			retries: () => settingsOf(document.bmc, document.party),
			clock,
			count: deps.countDelivery,
			onExhausted(what, why) {
				if (what === 'suspend') suspend(id, why).catch(unheard);
				else remove(id, undefined, why).catch(unheard);
			},
		});
		const operator = { name: document.operator, party: document.party };
		const joined = hub.join(operator, {
			tell: view => deliver(id, one, view),
			refuse() {
				one.isRefused = true;
			},
			check: () => undefined,
		});
		one.leave = joined.leave;
		// A BMC that cannot be reached now is tried again, and what was missed is told.
		joined.following.catch(() => undefined);
		if (isRestart)
			deliver(id, one, gapView('0', { bmc: document.bmc, since: undefined, until: clock.now() }));
	};
	const stop = (id: string): void => {
		const one = live.get(id);
		live.delete(id);
		one?.leave();
		one?.delivery?.close();
	};

	const suspend = async (id: string, why: string): Promise<void> => {
		const one = live.get(id);
		if (!one) return;
		const document = { ...one.document, suspended: why };
		stop(id);
		live.set(id, {
			document,
			delivery: undefined,
			leave: () => undefined,
			isRefused: false,
			lostSince: undefined,
		});
		await store.transact(tx => tx.put(subscriptions, id, document));
		await record('suspend', id, document, null, why);
	};
	const remove: Subscriptions['remove'] = async (id, by, why) => {
		const one = live.get(id);
		if (!one) return;
		await record('unsubscribe', id, one.document, by?.name ?? null, why);
		stop(id);
		await store.transact(tx => tx.delete(subscriptions, id));
	};
	const view = (id: string, { document, delivery, isRefused }: Live): Subscription => ({
		id,
		document,
		queued: delivery?.queued() ?? 0,
		trouble:
			document.suspended ??
			(isRefused ? 'the policies do not let its operator follow events now' : delivery?.failure()),
	});
	const isOf = ({ document }: Live, bmc: string, party: string): boolean =>
		document.bmc === bmc && document.party === party;

	for (const { id, document } of await store.read(tx => tx.list(eventSettings))) settings.set(id, document);
	for (const { id, document } of await store.read(tx => tx.list(subscriptions))) start(id, document, true);

	return {
		list: (bmc, party) => [...live].flatMap(([id, one]) => (isOf(one, bmc, party) ? [view(id, one)] : [])),
		get(bmc, party, id) {
			const one = live.get(id);
			return one && isOf(one, bmc, party) ? view(id, one) : undefined;
		},
		async add(document) {
			guard.permit(document.party, document.destination);
			const own = [...live.values()].filter(one => isOf(one, document.bmc, document.party));
			if (own.length >= deps.perParty)
				throw eventErrors.TooManySubscriptions(
					`${document.party} has ${own.length} subscriptions at ${document.bmc}`,
				);
			const id = randomBytes(8).toString('hex');
			await record('subscribe', id, document, document.operator);
			await store.transact(tx => tx.insert(subscriptions, id, document));
			start(id, document, false);
			return id;
		},
		async change(id, by, changes) {
			const one = live.get(id);
			if (!one) return;
			const document = { ...one.document, ...changes };
			const wasSuspended = one.document.suspended !== null;
			const action = wasSuspended && document.suspended === null ? 'resume' : 'change';
			await record(action, id, document, by.name);
			await store.transact(tx => tx.put(subscriptions, id, document));
			stop(id);
			start(id, document, action === 'resume');
		},
		remove,
		settings: settingsOf,
		async changeSettings(bmc, party, changes) {
			const next = { ...settingsOf(bmc, party), ...changes };
			await store.transact(tx => tx.put(eventSettings, keyOf(bmc, party), next));
			settings.set(keyOf(bmc, party), next);
		},
		close() {
			for (const id of [...live.keys()]) stop(id);
		},
	};
}

/** The body of a push (DSP0266, "Event messages"): the event with the subscriber's own Context. */
function render({ kind, body }: View, { context }: SubscriptionDocument): string {
	return JSON.stringify(kind === 'event' ? { ...body, Context: context } : body);
}
