import { randomUUID } from 'node:crypto';
import mqtt, { type MqttClient } from 'mqtt';
import { Counter, type Registry } from 'prom-client';
import type { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { Logger } from '../log/logger.ts';
import { eventErrors } from './errors.ts';
import { isTopicPattern, matchesTopic } from './topics.ts';

export interface EventBus {
	/**
	 * Sends a JSON payload; resolves when the broker has it (QoS 1). Nothing is queued: without a connection, or
	 * when it breaks or the broker refuses, the promise rejects with EventsUnavailable and the message may be lost.
	 */
	publish(topic: string, payload: unknown): Promise<void>;
	/** Calls `handler` for each message that fits `schema`, now and after every reconnection. */
	subscribe<T>(pattern: string, schema: z.ZodType<T>, handler: EventHandler<T>): EventSubscription;
	/** Whether there is a connection now; for readiness checks. */
	connected(): boolean;
	/** Resolves at the next moment with a connection; rejects with EventsRefused when the password is wrong. */
	ready(): Promise<void>;
	/** Messages dropped because they were not JSON or did not fit the schema. */
	dropped(): number;
	close(): Promise<void>;
}

/** `retained`: the broker kept this message from an unknown time before; it is not news. */
export type EventHandler<T> = (payload: T, message: { topic: string; retained: boolean }) => void;

export interface EventSubscription {
	/** Resolves when the broker has granted it for the first time; rejects with EventsRefused. */
	readonly ready: Promise<void>;
	end(): void;
}

export interface EventBusOptions {
	/** `mqtt://host:port` or `mqtts://host:port`, without credentials. */
	readonly url: string;
	readonly username: string;
	readonly password: string;
	/** PEM of the authority that the broker's certificate must be issued by. */
	readonly ca?: string;
	readonly logger: Logger;
	readonly clock: Clock;
	/** Counts dropped messages as `bimetal_events_dropped_total`. */
	readonly registry?: Registry;
}

interface Subscriber {
	readonly pattern: string;
	receive(text: string, message: { topic: string; retained: boolean }): void;
	granted(): void;
	refused(error: Error): void;
}

const FIRST_DELAY = 100;
const LONGEST_DELAY = 30_000;
const LONGEST_PAYLOAD = 256 * 1024;

/**
 * Connects to an MQTT broker and stays connected: after a failure it tries again at once-doubling distances,
 * 0.1 s to 30 s. Never throws into the caller's loop: what arrives malformed is counted and dropped.
 */
export function connectEvents(options: EventBusOptions): EventBus {
	const { clock, logger } = options;
	const subscribers = new Set<Subscriber>();
	const waiting = new Set<{ resolve: () => void; reject: (error: Error) => void }>();
	let client: MqttClient | undefined;
	let connected = false;
	let closed = false;
	let delay = FIRST_DELAY;
	let cancelRetry: () => void = () => undefined;
	let droppedCount = 0;
	const counter = options.registry
		? new Counter({
				name: 'bimetal_events_dropped_total',
				help: 'Messages that were not JSON or did not fit their schema',
				registers: [options.registry],
			})
		: undefined;
	const drop = (topic: string, reason: string): void => {
		droppedCount += 1;
		counter?.inc();
		logger.warn({ topic, reason }, 'dropped a message');
	};
	const settle = (act: (waiter: { resolve: () => void; reject: (error: Error) => void }) => void): void => {
		for (const waiter of waiting) act(waiter);
		waiting.clear();
	};

	// One client object for one connection: nothing of a broken connection can leak into the next.
	const open = (): void => {
		const connection = mqtt.connect(options.url, {
			clientId: `${options.username}/${randomUUID()}`,
			username: options.username,
			password: options.password,
			protocolVersion: 4,
			clean: true,
			reconnectPeriod: 0,
			resubscribe: false,
			queueQoSZero: false,
			connectTimeout: 10_000,
			...(options.ca === undefined ? {} : { ca: options.ca }),
		});
		client = connection;
		connection.on('connect', () => {
			connected = true;
			delay = FIRST_DELAY;
			logger.info({ url: options.url }, 'connected to the broker');
			for (const subscriber of subscribers) request(connection, subscriber);
			settle(waiter => waiter.resolve());
		});
		connection.on('message', (topic, payload, { retain }) => {
			const message = { topic, retained: retain };
			if (payload.length > LONGEST_PAYLOAD) return drop(topic, 'too long');
			const text = payload.toString('utf8');
			for (const subscriber of subscribers) {
				if (matchesTopic(subscriber.pattern, topic)) subscriber.receive(text, message);
			}
		});
		connection.on('error', err => {
			logger.warn({ err, url: options.url }, 'the connection to the broker failed');
			const { code } = err as { code?: unknown };
			if (code === 4 || code === 5) {
				const refused = eventErrors.EventsRefused(`The broker refuses the user ${options.username}.`, {
					cause: err,
				});
				settle(waiter => waiter.reject(refused));
			}
		});
		connection.once('close', () => {
			connected = false;
			if (client === connection) client = undefined;
			connection.end(true); // rejects what was under way
			if (closed) return;
			cancelRetry = clock.after(delay, open);
			delay = Math.min(delay * 2, LONGEST_DELAY);
		});
	};
	const request = (connection: MqttClient, subscriber: Subscriber): void => {
		connection.subscribe(subscriber.pattern, { qos: 1 }, (error, granted) => {
			if (!error && granted?.every(({ qos }) => qos !== 128)) return subscriber.granted();
			if (!connection.connected) return; // asked again on the next connection
			const message = `The broker refuses ${options.username} the subscription to ${subscriber.pattern}.`;
			logger.error({ pattern: subscriber.pattern }, message);
			subscriber.refused(eventErrors.EventsRefused(message, { cause: error }));
		});
	};
	open();

	return {
		connected: () => connected,
		dropped: () => droppedCount,
		ready: () =>
			connected
				? Promise.resolve()
				: new Promise((resolve, reject) => {
						if (closed) reject(eventErrors.EventsUnavailable('The connection was closed.'));
						else waiting.add({ resolve, reject });
					}),
		async publish(topic, payload) {
			if (/[+#]/.test(topic) || !isTopicPattern(topic)) {
				throw eventErrors.TopicInvalid(`${JSON.stringify(topic)} is not a topic`);
			}
			const connection = client;
			if (!connection || !connected)
				throw eventErrors.EventsUnavailable('There is no connection to the broker.');
			try {
				await connection.publishAsync(topic, JSON.stringify(payload), { qos: 1 });
			} catch (cause) {
				throw eventErrors.EventsUnavailable(`The broker did not take a message to ${topic}.`, { cause });
			}
		},
		subscribe(pattern, schema, handler) {
			if (!isTopicPattern(pattern)) {
				throw eventErrors.TopicInvalid(`${JSON.stringify(pattern)} is not a topic pattern`);
			}
			let granted: () => void = () => undefined;
			let refused: (error: Error) => void = () => undefined;
			const ready = new Promise<void>((resolve, reject) => {
				granted = resolve;
				refused = reject;
			});
			ready.catch(() => undefined); // logged; nobody needs to wait for it
			const subscriber: Subscriber = {
				pattern,
				granted,
				refused,
				receive(text, message) {
					const payload = read(schema, text);
					if (!payload.ok) return drop(message.topic, payload.reason);
					try {
						handler(payload.value, message);
					} catch (err) {
						logger.error({ err, topic: message.topic }, 'handling a message failed');
					}
				},
			};
			subscribers.add(subscriber);
			if (client && connected) request(client, subscriber);
			return {
				ready,
				end() {
					subscribers.delete(subscriber);
					const shared = [...subscribers].some(other => other.pattern === pattern);
					if (client && connected && !shared) client.unsubscribe(pattern);
				},
			};
		},
		async close() {
			closed = true;
			cancelRetry();
			settle(waiter => waiter.reject(eventErrors.EventsUnavailable('The connection was closed.')));
			subscribers.clear();
			await client?.endAsync(true);
			connected = false;
		},
	};
}

function read<T>(schema: z.ZodType<T>, text: string): { ok: true; value: T } | { ok: false; reason: string } {
	let json: unknown;
	try {
		json = JSON.parse(text);
	} catch {
		return { ok: false, reason: 'not JSON' };
	}
	const result = schema.safeParse(json);
	if (result.success) return { ok: true, value: result.data };
	const { path, message } = result.error.issues[0] ?? { path: [], message: 'does not fit' };
	return { ok: false, reason: `${path.map(String).join('.') || 'payload'}: ${message}` };
}
