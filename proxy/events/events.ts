import type { Registry } from 'prom-client';
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Call } from '../call.ts';
import type { ActivePolicies, Consider } from '../decide/consider.ts';
import { proxyErrors } from '../errors.ts';
import type { BmcConnection } from '../forward/bmc-connection.ts';
import type { Mediator, OwnResources } from '../mediator.ts';
import { type AllowedDestination, createDestinationGuard } from './destination-guard.ts';
import { createEventService } from './event-service.ts';
import { createHub, type Hub } from './hub.ts';
import { eventMetrics } from './metrics.ts';
import { createSight } from './sight.ts';
import { createStreams, type StreamClient, type StreamLimits } from './streams.ts';
import { openSubscriptions } from './subscriptions.ts';
import { streamPath } from './upstream.ts';

export interface EventsDeps {
	readonly bmcs: ReadonlyMap<string, BmcConnection>;
	readonly policies: () => ActivePolicies;
	readonly consider: Consider;
	readonly audit: AuditLog;
	readonly clock: Clock;
	readonly random: () => number;
	readonly logger: Logger;
	readonly registry: Registry;
	readonly store: Store;
	readonly limits?: (Partial<StreamLimits> & { readonly subscriptions?: number }) | undefined;
	/** Where each party may have events pushed to; nowhere when absent. */
	readonly destinations?: Readonly<Record<string, readonly AllowedDestination[]>> | undefined;
}

/** Events of BMCs to those who follow them, each as its party is shown it. One object for the whole site. */
export interface Events {
	/** What stands in place of the BMC's own event service. */
	readonly own: OwnResources;
	/** Whether a request opens a stream: those take their own way. */
	isStream(call: Call): boolean;
	/** Answers with a stream; throws a BimetalError before its first byte. */
	follow(call: Call, client: StreamClient): Promise<'passed'>;
	/** Policies, operators or sessions have changed: ends what may not go on. */
	check(): void;
	/** Ends all streams and leaves the BMCs. */
	close(): void;
}

const defaults: StreamLimits = { perOperator: 16, inAll: 1000, keepAlive: 30_000, buffer: 512 * 1024 };

/** Subscriptions of the store are served from when the promise resolves. */
export async function openEvents(
	deps: EventsDeps,
	mediator: () => Pick<Mediator, 'decide'>,
): Promise<Events> {
	const { bmcs, audit, clock, logger } = deps;
	const metrics = eventMetrics(deps.registry, {
		streams: () => streams.list().length,
		upstreams: () => [...hubs.values()].filter(hub => hub.isFollowing()).length,
	});
	const sight = createSight({
		policies: deps.policies,
		consider: deps.consider,
		isRecorded: () => audit.healthy(),
	});
	const hubs = new Map<string, Hub>();
	for (const [name, bmc] of bmcs) {
		hubs.set(name, createHub({ bmc, sight, clock, random: deps.random, logger, count: metrics.countEvent }));
	}
	const hubOf = (bmc: string): Hub => {
		const hub = hubs.get(bmc);
		if (!hub) throw proxyErrors.NoSuchBmc(`there is no BMC ${bmc}`);
		return hub;
	};
	const streams = createStreams({
		mediator: { decide: call => mediator().decide(call) },
		hubOf: call => hubOf(call.bmc.target.name),
		audit,
		clock,
		limits: { ...defaults, ...deps.limits },
		countEnd: metrics.countEnd,
	});
	const subscriptions = await openSubscriptions({
		store: deps.store,
		guard: createDestinationGuard(deps.destinations ?? {}),
		hubOf: name => hubs.get(name),
		audit,
		clock,
		logger,
		perParty: deps.limits?.subscriptions ?? 20,
		countDelivery: metrics.countDelivery,
	});
	return {
		own: createEventService({ subscriptions, streams, hubOf, clock }),
		isStream: ({ request }) => request.path === streamPath && request.method === 'GET',
		async follow(call, client) {
			await streams.open(call, client);
			return 'passed';
		},
		check() {
			for (const hub of hubs.values()) hub.check();
		},
		close() {
			streams.close();
			subscriptions.close();
			for (const hub of hubs.values()) hub.close();
		},
	};
}
