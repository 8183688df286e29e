import type { Clock } from '../../common/clock.ts';
import { deepFreeze } from '../../common/config/read-config.ts';
import type { EventBus } from '../../common/events/bus.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { ExternalValue } from '../policy/facts.ts';
import type { ExternalSource } from './external-source.ts';
import { createHttpFetcher } from './http.ts';
import { createMqttReader } from './mqtt.ts';
import { createPolledReader } from './polled.ts';
import { type Reader, reasonOf, unavailable } from './reader.ts';
import { type FetchRedfish, fetchTargets } from './redfish.ts';

export interface ExternalDeps {
	/** As the site file declares them. */
	readonly sources: Readonly<Record<string, ExternalSource>>;
	/** The names of the site's BMCs, whom sources from redfish ask. */
	readonly targets: readonly string[];
	readonly fetchRedfish: FetchRedfish;
	/** Needed as soon as one source comes from mqtt. */
	readonly events?: EventBus;
	readonly clock: Clock;
	readonly logger: Logger;
}

export interface ExternalSources {
	/** The value of each, frozen, or why there is none. Never rejects; an undeclared name is unavailable. */
	read(names: readonly string[]): Promise<Record<string, ExternalValue>>;
	/**
	 * To be called after each executed operation that may change what sources show: no later `read` is answered
	 * with what was observed before. All sources, or the one named.
	 */
	invalidate(name?: string): void;
	close(): void;
}

/**
 * Starts the sources that policies see as `External.<name>`.
 * @throws TypeError when a source comes from mqtt and there are no events, or a target is unknown.
 */
export function createExternalSources(deps: ExternalDeps): ExternalSources {
	const readers = new Map<string, Reader>();
	for (const [name, source] of Object.entries(deps.sources))
		readers.set(name, createReader(deps, name, source));
	const readOne = async (name: string): Promise<ExternalValue> => {
		const reader = readers.get(name);
		if (!reader) return unavailable('the site file declares no such source');
		try {
			return deepFreeze(await reader.read());
		} catch (err) {
			deps.logger.error({ err, source: name }, 'reading an External source failed');
			return unavailable(reasonOf(err));
		}
	};
	return {
		async read(names) {
			const values = await Promise.all(names.map(async name => [name, await readOne(name)] as const));
			return Object.fromEntries(values);
		},
		invalidate(name) {
			for (const [each, reader] of readers) if (name === undefined || name === each) reader.invalidate();
		},
		close() {
			for (const reader of readers.values()) reader.close();
		},
	};
}

function createReader(deps: ExternalDeps, name: string, source: ExternalSource): Reader {
	const { clock, logger, targets, fetchRedfish, events } = deps;
	switch (source.from) {
		case 'redfish': {
			const unknown = source.targets?.find(target => !targets.includes(target));
			if (unknown !== undefined) throw new TypeError(`External.${name}: there is no BMC named ${unknown}`);
			const fetch = (signal: AbortSignal) => fetchTargets({ source, targets, fetchRedfish, clock }, signal);
			return createPolledReader({ name, maxAge: source.maxAge, clock, logger, fetch });
		}
		case 'http': {
			const fetcher = createHttpFetcher({ source, clock });
			const { fetch } = fetcher;
			const reader = createPolledReader({ name, maxAge: source.maxAge, clock, logger, fetch });
			return {
				...reader,
				close() {
					reader.close();
					fetcher.close();
				},
			};
		}
		case 'mqtt':
			if (!events) throw new TypeError(`External.${name} comes from mqtt, but the site file has no events`);
			return createMqttReader({ name, source, events, clock, logger });
	}
}
