import { z } from 'zod';
import type { Clock } from '../../common/clock.ts';
import type { EventBus } from '../../common/events/bus.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import type { ExternalValue } from '../policy/facts.ts';
import type { MqttSource } from './external-source.ts';
import { type Mapped, mapFields } from './fields.ts';
import { type Reader, unavailable } from './reader.ts';

const MOST_TOPICS = 10_000;

export interface MqttDeps {
	readonly name: string;
	readonly source: MqttSource;
	readonly events: EventBus;
	readonly clock: Clock;
	readonly logger: Logger;
}

interface Latest {
	readonly mapped: Mapped;
	/** By our clock: a sender's own time stamps prove nothing. */
	readonly at: number;
	readonly generation: number;
	/** On the clock that nobody sets: its age counts by that. */
	readonly heard: number;
}

/**
 * A source that is told: the newest message of each topic. Available when as many topics as expected have been
 * heard and every one of them within `maxAge`; a topic once heard is never forgotten, because a reading that
 * falls silent must not leave a sum. Retained messages are of unknown age and count for nothing.
 *
 * After `invalidate()` a read waits, at most `timeout`, until every topic has been heard again. What was
 * measured before an operation and sent after it cannot be told from news, so senders should measure as they send.
 */
export function createMqttReader({ name, source, events, clock, logger }: MqttDeps): Reader {
	const latest = new Map<string, Latest>();
	const wakers = new Set<() => void>();
	const began = clock.elapsed();
	let generation = 0;
	let tooMany = false;
	let closed = false;

	const subscription = events.subscribe(source.topic, z.json(), (payload, { topic, retained }) => {
		if (retained) return;
		if (!latest.has(topic) && latest.size >= MOST_TOPICS) {
			if (!tooMany) logger.error({ source: name, topic }, 'an External source has too many topics');
			tooMany = true;
			return;
		}
		const mapped = mapFields(source.fields, payload as JsonValue);
		if (!mapped.ok) logger.warn({ source: name, topic, reason: mapped.reason }, 'a reading does not fit');
		latest.set(topic, { mapped, at: clock.now(), heard: clock.elapsed(), generation });
		for (const wake of [...wakers]) wake();
	});

	const current = (): ExternalValue => {
		if (closed) return unavailable('the source is closed');
		if (tooMany) return unavailable(`over ${MOST_TOPICS} topics match ${source.topic}`);
		const { expect } = source;
		if (latest.size < (expect ?? 1)) {
			const wanted = expect === undefined ? '' : ` of ${expect}`;
			return unavailable(`heard from ${latest.size}${wanted} topics of ${source.topic}`);
		}
		if (expect === undefined && clock.elapsed() - began < source.maxAge) {
			return unavailable(`listening to ${source.topic} for less than ${source.maxAge} ms`);
		}
		const list: JsonValue[] = [];
		let asOf = Number.POSITIVE_INFINITY;
		for (const [topic, { mapped, at, heard, generation: of }] of [...latest].sort(byTopic)) {
			if (of < generation) return unavailable(`${topic}: nothing new since the last operation`);
			const age = Math.round(clock.elapsed() - heard);
			if (age > source.maxAge) return unavailable(`${topic}: the newest message is ${age} ms old`);
			if (!mapped.ok) return unavailable(`${topic}: ${mapped.reason}`);
			list.push(mapped.value);
			asOf = Math.min(asOf, at);
		}
		return { status: 'fresh', value: source.under === undefined ? list : { [source.under]: list }, asOf };
	};

	/** Only news that is bound to come after an operation is worth waiting for; other lacks are told at once. */
	const waitForNews = (): Promise<void> =>
		new Promise(resolve => {
			const done = () => {
				cancel();
				wakers.delete(check);
				resolve();
			};
			const check = () => {
				if (closed || allHeard()) done();
			};
			const cancel = clock.after(source.timeout, done);
			wakers.add(check);
			check();
		});
	const allHeard = () => [...latest.values()].every(({ generation: heard }) => heard === generation);

	return {
		async read() {
			if (latest.size > 0 && !allHeard()) await waitForNews();
			return current();
		},
		invalidate() {
			generation += 1;
		},
		close() {
			closed = true;
			subscription.end();
			for (const wake of [...wakers]) wake();
		},
	};
}

function byTopic([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
	return a < b ? -1 : a > b ? 1 : 0;
}
