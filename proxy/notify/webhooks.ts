import { createHmac, randomUUID } from 'node:crypto';
import { Counter, Gauge, type Registry } from 'prom-client';
import { Agent, request as send } from 'undici';
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { RequestDocument } from '../approve/request-document.ts';
import type { ConsoleDocument } from '../console/console-document.ts';

export const consoleEvents = ['console-open', 'console-ended'] as const;
type NotifiedEvent = RequestDocument['state'] | (typeof consoleEvents)[number];

export interface Webhook {
	readonly url: string;
	/** States of a request, and what becomes of consoles, that are told; all when absent. */
	readonly events: readonly NotifiedEvent[] | undefined;
	/** Shared with the receiver: the key of the HMAC. */
	readonly secret: string;
	/** PEM of the receiver's authority, where it is not one that the system knows. */
	readonly ca?: string | undefined;
}

export interface Webhooks {
	/** Queues what is to be told. Never throws, never waits: no decision hangs on who is told of it. */
	tell(request: RequestDocument): void;
	/** The same of a console that has opened or ended. */
	tellConsole(console: ConsoleDocument): void;
	/** Gives up what is still queued. */
	close(): void;
}

export interface WebhooksDeps {
	readonly hooks: readonly Webhook[];
	readonly clock: Clock;
	readonly logger: Pick<Logger, 'warn'>;
	readonly registry: Registry;
}

/** Milliseconds before each further attempt; then it is given up. */
const delays = [1000, 5000, 30_000, 120_000];
/** Longest wait for an answer, milliseconds. */
const timeout = 10_000;
/** Notifications that wait for one receiver; further ones are dropped. */
const longestQueue = 1000;

type Outcome = 'delivered' | 'retried' | 'given up' | 'dropped';

/** Tells receivers over HTTP when requests change their state and consoles open and end, each in order, signed with HMAC-SHA-256. */
export function createWebhooks({ hooks, clock, logger, registry }: WebhooksDeps): Webhooks {
	const counter = new Counter({
		name: 'bimetal_webhook_notifications_total',
		help: 'Notifications by webhook: attempts that succeeded or are retried, and what was given up or dropped',
		labelNames: ['outcome'] as const,
		registers: [registry],
	});
	const queued = new Gauge({
		name: 'bimetal_webhook_queue',
		help: 'Notifications that wait to be sent, over all receivers',
		registers: [registry],
	});
	const count = (outcome: Outcome) => counter.inc({ outcome });
	const receivers = hooks.map(hook => startReceiver(hook, { clock, logger, count, queued }));
	return {
		tell(request) {
			const { state, id, bmc, requester, needs, digest } = request;
			for (const receiver of receivers) receiver.tell(state, { id, bmc, requester, needs, digest });
		},
		// Who asks what of whom stays at the proxy: whoever is told looks there, as an operator.
		tellConsole({ state, id, bmc, kind, operator, consent, requestId }) {
			const event = `console-${state}` as const;
			for (const receiver of receivers) receiver.tell(event, { id, bmc, kind, operator, consent, requestId });
		},
		close() {
			for (const receiver of receivers) receiver.close();
		},
	};
}

interface Receiver {
	tell(event: NotifiedEvent, about: Readonly<Record<string, unknown>>): void;
	close(): void;
}

interface ReceiverDeps {
	readonly clock: Clock;
	readonly logger: Pick<Logger, 'warn'>;
	readonly count: (outcome: Outcome) => void;
	readonly queued: Pick<Gauge, 'inc' | 'dec'>;
}

function startReceiver(hook: Webhook, { clock, logger, count, queued }: ReceiverDeps): Receiver {
	const agent = new Agent({ connections: 1, ...(hook.ca === undefined ? {} : { connect: { ca: hook.ca } }) });
	const ended = new AbortController();
	const queue: { readonly id: string; readonly body: string }[] = [];
	let isBusy = false;
	const { origin } = new URL(hook.url); // a path may hold what only its receiver should know

	const work = async (): Promise<void> => {
		if (isBusy) return;
		isBusy = true;
		for (let next = queue[0]; next && !ended.signal.aborted; next = queue[0]) {
			await deliver(next);
			queue.shift();
			queued.dec();
		}
		isBusy = false;
	};

	const deliver = async ({ id, body }: { id: string; body: string }): Promise<void> => {
		for (let attempt = 0; !ended.signal.aborted; attempt++) {
			const failure = await post(hook, agent, { id, body }, clock, ended.signal);
			if (failure === undefined) return count('delivered');
			const delay = failure.isFinal ? undefined : delays[attempt];
			if (delay === undefined) {
				count('given up');
				logger.warn(
					{ receiver: origin, delivery: id, reason: failure.reason },
					'a notification was given up',
				);
				return;
			}
			count('retried');
			await sleep(clock, delay, ended.signal);
		}
	};

	return {
		tell(event, about) {
			if (hook.events && !hook.events.includes(event)) return;
			if (queue.length >= longestQueue || ended.signal.aborted) return count('dropped');
			const at = new Date(clock.now()).toISOString();
			queue.push({ id: randomUUID(), body: JSON.stringify({ event, ...about, at }) });
			queued.inc();
			void work();
		},
		close() {
			ended.abort();
			agent.destroy().catch(() => undefined);
		},
	};
}

/** Undefined when the receiver took it. */
async function post(
	{ url, secret }: Webhook,
	agent: Agent,
	{ id, body }: { id: string; body: string },
	clock: Clock,
	ended: AbortSignal,
): Promise<{ reason: string; isFinal: boolean } | undefined> {
	const time = String(Math.floor(clock.now() / 1000));
	const tooLong = new AbortController();
	const cancel = clock.after(timeout, () => tooLong.abort());
	try {
		// undici follows no redirects by itself.
		const { statusCode, body: answer } = await send(url, {
			dispatcher: agent,
			method: 'POST',
			headers: {
				'content-type': 'application/json',
				'bimetal-delivery': id,
				'bimetal-timestamp': time,
				'bimetal-signature': `v1=${signNotification(secret, time, body)}`,
			},
			body,
			signal: AbortSignal.any([tooLong.signal, ended]),
		});
		await answer.dump({ limit: 64 * 1024 });
		if (statusCode >= 200 && statusCode < 300) return undefined;
		const isFinal = statusCode < 500 && statusCode !== 408 && statusCode !== 429;
		return { reason: `it answered ${statusCode}`, isFinal };
	} catch (fault) {
		const reason = tooLong.signal.aborted
			? 'no answer in time'
			: ((fault as { code?: string }).code ?? 'no answer');
		return { reason, isFinal: false };
	} finally {
		cancel();
	}
}

/** Hex HMAC-SHA-256 over the time, a dot and the body: an old notification cannot be passed off as a new one. */
export const signNotification = (secret: string, time: string, body: string): string =>
	createHmac('sha256', secret).update(`${time}.${body}`, 'utf8').digest('hex');

function sleep(clock: Clock, ms: number, ended: AbortSignal): Promise<void> {
	return new Promise(resolve => {
		const cancel = clock.after(ms, resolve);
		const wake = () => {
			cancel();
			resolve();
		};
		if (ended.aborted) wake();
		else ended.addEventListener('abort', wake, { once: true });
	});
}
