import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { BmcConnection } from '../forward/bmc-connection.ts';
import type { OpenStream } from '../forward/exchange.ts';
import { createSseParser, type SseMessage } from './sse-parser.ts';

export const streamPath = '/redfish/v1/EventService/SSE';

/** Milliseconds before each attempt to follow a BMC again: the first, doubled each time up to the longest. */
const firstDelay = 1000;
const longestDelay = 60_000;
/** A stream that lasted so long, in milliseconds, begins the delays anew. */
const steady = 30_000;
/** Milliseconds in which a BMC that repeats what was missed (Last-Event-ID) must have begun to. */
const settleTime = 2000;
/** Bytes of one event: bmcweb's metric reports are the longest. */
const longestEvent = 4 * 1024 * 1024;

export interface UpstreamDeps {
	readonly bmc: Pick<BmcConnection, 'stream' | 'target'>;
	readonly clock: Clock;
	/** 0 up to 1. */
	readonly random: () => number;
	readonly logger: Pick<Logger, 'warn' | 'info'>;
	readonly onMessage: (message: SseMessage) => void;
	/** Events since then (milliseconds since the epoch) may have been missed. */
	readonly onGap: (since: number) => void;
}

/** The one stream of events that the proxy has from a BMC, whoever listens to it here. */
export interface Upstream {
	/** Follows the BMC from now on. Rejects when it cannot be followed now; the attempts go on until `stop`. */
	start(): Promise<void>;
	isOpen(): boolean;
	stop(): void;
}

export function createUpstream(deps: UpstreamDeps): Upstream {
	const { bmc, clock, logger } = deps;
	/** Another one with every attempt: what an earlier one still says counts no more. */
	let generation = 0;
	let isWanted = false;
	let open: OpenStream | undefined;
	let openedAt = 0;
	let attempts = 0;
	let lastId = '';
	/** When the stream was lost, until it is known, or told, what was missed. */
	let lostAt: number | undefined;
	let cancelRetry: () => void = () => undefined;
	let cancelSettle: () => void = () => undefined;

	const tellGap = (): void => {
		cancelSettle();
		if (lostAt === undefined) return;
		const since = lostAt;
		lostAt = undefined;
		deps.onGap(since);
	};

	const take = (message: SseMessage): void => {
		attempts = 0;
		if (lostAt !== undefined) {
			// The next number after the last one: the BMC repeats what was missed, and nothing is.
			if (isNext(lastId, message.id)) lostAt = undefined;
			tellGap();
		}
		lastId = message.id;
		deps.onMessage(message);
	};

	const lose = (mine: number, why: string): void => {
		if (mine !== generation) return;
		generation++;
		cancelSettle();
		if (open) {
			lostAt ??= clock.now();
			if (clock.now() - openedAt > steady) attempts = 0;
			logger.warn({ bmc: bmc.target.name, why }, 'the event stream of a BMC broke off');
			open.close();
			open = undefined;
		}
		if (!isWanted) return;
		const delay = Math.min(longestDelay, firstDelay * 2 ** attempts++) * (0.5 + deps.random() / 2);
		cancelRetry = clock.after(delay, () => void connect().catch(() => undefined));
	};

	const connect = async (): Promise<void> => {
		const mine = ++generation;
		const parser = createSseParser({ event: longestEvent });
		const headers = {
			accept: 'text/event-stream',
			'accept-encoding': 'identity',
			...(/^[\x21-\x7e]{1,64}$/.test(lastId) && { 'last-event-id': lastId }),
		};
		try {
			const opened = await bmc.stream(streamPath, headers, {
				onData(chunk) {
					if (mine !== generation) return;
					try {
						for (const message of parser.push(chunk)) take(message);
					} catch (fault) {
						lastId = ''; // to be sent the same once more would not help
						lose(mine, (fault as Error).message);
					}
				},
				onEnd: fault => lose(mine, fault?.message ?? 'the BMC ended it'),
			});
			if (mine !== generation) return opened.close();
			open = opened;
			openedAt = clock.now();
			if (lostAt !== undefined) cancelSettle = clock.after(settleTime, tellGap);
		} catch (fault) {
			if (attempts === 0 && isWanted) {
				logger.warn({ err: fault, bmc: bmc.target.name }, 'the events of a BMC cannot be followed');
			}
			lose(mine, '');
			throw fault;
		}
	};

	return {
		async start() {
			if (isWanted) return;
			isWanted = true;
			attempts = 0;
			lastId = '';
			lostAt = undefined;
			await connect();
		},
		isOpen: () => open !== undefined,
		stop() {
			isWanted = false;
			generation++;
			cancelRetry();
			cancelSettle();
			open?.close();
			open = undefined;
		},
	};
}

const isNext = (last: string, id: string): boolean =>
	/^\d{1,15}$/.test(last) && /^\d{1,15}$/.test(id) && Number(id) === Number(last) + 1;
