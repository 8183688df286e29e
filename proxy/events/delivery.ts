import { isIP } from 'node:net';
import { Agent, request as send } from 'undici';
import type { Clock } from '../../common/clock.ts';
import type { Permit } from './destination-guard.ts';
import type { SubscriptionDocument } from './subscription-document.ts';

export type DeliveryOutcome = 'delivered' | 'retried' | 'given up' | 'dropped';

export interface DeliveryDeps {
	readonly subscription: Pick<SubscriptionDocument, 'destination' | 'headers' | 'retryPolicy'>;
	/** Throws when the destination is not allowed (any more). */
	readonly permit: () => Permit;
	/** As its party has set them at the event service. */
	readonly retries: () => { readonly attempts: number; readonly intervalSeconds: number };
	readonly clock: Clock;
	readonly count: (outcome: DeliveryOutcome) => void;
	/** The attempts are used up: as its policy says, it rests until it is resumed, or ends. */
	readonly onExhausted: (what: 'suspend' | 'terminate', why: string) => void;
}

export interface Delivery {
	/** Queues a body; false when the queue is full, and it is lost. Never throws, never waits. */
	push(body: string): boolean;
	/** Why the last attempt failed; undefined when it succeeded, or there was none. */
	failure(): string | undefined;
	queued(): number;
	close(): void;
}

/** Longest wait for an answer, milliseconds. */
const timeout = 10_000;
const longestQueue = 500;
/** Of RetryForeverWithBackoff; milliseconds. */
const longestInterval = 3_600_000;

/**
 * Pushes events to one destination, each after the one before has arrived or was given up. Redirects are not followed:
 * where they lead nobody has allowed. The body is kept as it is; who subscribes sees it as it was when it happened.
 */
export function createDelivery(deps: DeliveryDeps): Delivery {
	const { subscription, clock, count } = deps;
	const ended = new AbortController();
	const queue: string[] = [];
	let agent: Agent | undefined;
	let isBusy = false;
	let failure: string | undefined;

	const connectOnce = (): Agent => {
		const permit = deps.permit();
		const { hostname } = new URL(subscription.destination);
		// Names are looked up, and their addresses judged, at each connection; an address was judged by `permit`.
		agent ??= new Agent({
			connections: 1,
			maxRedirections: 0,
			connect: {
				timeout,
				rejectUnauthorized: permit.verify,
				...(permit.ca !== undefined && { ca: permit.ca }),
				...(isIP(hostname) === 0 && { lookup: permit.lookup }),
			},
		} as Agent.Options);
		return agent;
	};

	/** Undefined when it arrived. */
	const post = async (body: string): Promise<string | undefined> => {
		const tooLong = new AbortController();
		const cancel = clock.after(timeout, () => tooLong.abort());
		try {
			const { statusCode, body: answer } = await send(subscription.destination, {
				dispatcher: connectOnce(),
				method: 'POST',
				headers: {
					...Object.fromEntries(subscription.headers),
					'content-type': 'application/json',
					'odata-version': '4.0',
				},
				body,
				signal: AbortSignal.any([tooLong.signal, ended.signal]),
			});
			await answer.dump({ limit: 64 * 1024 });
			if (statusCode >= 200 && statusCode < 300) return undefined;
			return statusCode >= 300 && statusCode < 400 ? 'it redirects' : `it answered ${statusCode}`;
		} catch (fault) {
			if (tooLong.signal.aborted) return 'no answer in time';
			const { code, message } = fault as { code?: string; message?: string };
			return code === 'DestinationNotAllowed'
				? 'the site file does not allow it any more'
				: (code ?? message ?? 'no answer');
		} finally {
			cancel();
		}
	};

	const deliver = async (body: string): Promise<void> => {
		for (let attempt = 0; !ended.signal.aborted; attempt++) {
			const why = await post(body);
			if (ended.signal.aborted) return;
			failure = why;
			if (why === undefined) return count('delivered');
			const { attempts, intervalSeconds } = deps.retries();
			const policy = subscription.retryPolicy;
			const isEndless = policy === 'RetryForever' || policy === 'RetryForeverWithBackoff';
			if (!isEndless && attempt >= attempts) {
				count('given up');
				close();
				deps.onExhausted(policy === 'SuspendRetries' ? 'suspend' : 'terminate', why);
				return;
			}
			count('retried');
			const growth = policy === 'RetryForeverWithBackoff' ? 2 ** Math.min(attempt, 12) : 1;
			await sleep(clock, Math.min(longestInterval, intervalSeconds * 1000 * growth), ended.signal);
		}
	};
	const work = async (): Promise<void> => {
		if (isBusy) return;
		isBusy = true;
		for (let next = queue[0]; next !== undefined && !ended.signal.aborted; next = queue[0]) {
			await deliver(next);
			queue.shift();
		}
		isBusy = false;
	};
	const close = (): void => {
		ended.abort();
		agent?.destroy().catch(() => undefined);
	};

	return {
		push(body) {
			if (queue.length >= longestQueue || ended.signal.aborted) {
				count('dropped');
				return false;
			}
			queue.push(body);
			void work();
			return true;
		},
		failure: () => failure,
		queued: () => queue.length,
		close,
	};
}

function sleep(clock: Clock, ms: number, ended: AbortSignal): Promise<void> {
	return new Promise(resolve => {
		const wake = (): void => {
			cancel();
			ended.removeEventListener('abort', wake);
			resolve();
		};
		const cancel = clock.after(ms, wake);
		ended.addEventListener('abort', wake, { once: true });
	});
}
