import { Counter, Gauge, type Registry } from 'prom-client';
import type { StreamEnd } from './client-stream.ts';
import type { DeliveryOutcome } from './delivery.ts';
import type { EventOutcome } from './viewer.ts';

export interface EventMetrics {
	countEvent(outcome: EventOutcome): void;
	countEnd(why: StreamEnd): void;
	countDelivery(outcome: DeliveryOutcome): void;
}

export function eventMetrics(
	registry: Registry,
	state: { readonly streams: () => number; readonly upstreams: () => number },
): EventMetrics {
	const events = new Counter({
		name: 'bimetal_events_total',
		help: 'Events of BMCs, for each operator who follows: shown, hidden by a policy, refused, not decidable, dropped, not readable',
		labelNames: ['outcome'] as const,
		registers: [registry],
	});
	const ends = new Counter({
		name: 'bimetal_event_streams_ended_total',
		help: 'Event streams of clients that ended, by reason',
		labelNames: ['reason'] as const,
		registers: [registry],
	});
	const deliveries = new Counter({
		name: 'bimetal_event_deliveries_total',
		help: 'Events pushed to subscribers: attempts that succeeded or are repeated, and what was given up or dropped',
		labelNames: ['outcome'] as const,
		registers: [registry],
	});
	new Gauge({
		name: 'bimetal_event_streams',
		help: 'Event streams of clients that are open',
		registers: [registry],
		collect() {
			this.set(state.streams());
		},
	});
	new Gauge({
		name: 'bimetal_event_upstreams',
		help: 'BMCs whose events are being followed',
		registers: [registry],
		collect() {
			this.set(state.upstreams());
		},
	});
	return {
		countEvent: outcome => events.inc({ outcome }),
		countDelivery: outcome => deliveries.inc({ outcome }),
		countEnd: reason => ends.inc({ reason }),
	};
}
