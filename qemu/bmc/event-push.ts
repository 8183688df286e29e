import { request as overHttp } from 'node:http';
import { request as overHttps } from 'node:https';
import type { JsonObject } from '../redfish/json.ts';
import { renderJson } from '../redfish/json.ts';

/** Pushes events to subscriptions as bmcweb does: one POST each, in order, whatever becomes of it. */
export interface EventPush {
	push(subscription: JsonObject, headers: Readonly<Record<string, string>>, event: JsonObject): void;
	close(): void;
}

const TIMEOUT_MS = 5000;
const LONGEST_QUEUE = 100;

/** `reaches` is asked of each destination: an emulated BMC speaks to other machines only where that is meant. */
export function createEventPush(reaches: (destination: URL) => boolean): EventPush {
	const queues = new Map<string, (() => Promise<void>)[]>();
	const ended = new AbortController();

	const post = (to: URL, options: { headers: Record<string, string>; verify: boolean }, body: string) =>
		new Promise<void>(resolve => {
			const send = to.protocol === 'https:' ? overHttps : overHttp;
			const sent = send(
				to,
				{
					method: 'POST',
					headers: options.headers,
					rejectUnauthorized: options.verify,
					timeout: TIMEOUT_MS,
					signal: ended.signal,
					agent: false,
				},
				answer => answer.resume().on('close', resolve),
			);
			sent.on('timeout', () => sent.destroy());
			sent.on('error', () => resolve());
			sent.end(body);
		});
	const work = async (id: string): Promise<void> => {
		const queue = queues.get(id) ?? [];
		for (let next = queue[0]; next && !ended.signal.aborted; next = queue[0]) {
			await next();
			queue.shift();
		}
		queues.delete(id);
	};

	return {
		push(subscription, headers, event) {
			const to = new URL(String(subscription.Destination));
			if (!reaches(to)) return;
			const id = String(subscription.Id);
			const queue = queues.get(id) ?? [];
			if (queue.length >= LONGEST_QUEUE) return;
			const body = renderJson({ ...event, Context: subscription.Context });
			const all = {
				...headers,
				'content-type': 'application/json',
				'content-length': String(Buffer.byteLength(body)),
			};
			queue.push(() => post(to, { headers: all, verify: subscription.VerifyCertificate !== false }, body));
			if (queues.has(id)) return;
			queues.set(id, queue);
			void work(id);
		},
		close: () => ended.abort(),
	};
}

/** Which events a subscription is for, of what bmcweb looks at. */
export function wantsEvent(subscription: JsonObject, event: JsonObject): boolean {
	if (subscription.EventFormatType !== 'Event') return false;
	const list = (name: string): string[] =>
		Array.isArray(subscription[name]) ? subscription[name].map(String) : [];
	const [prefixes, ids] = [list('RegistryPrefixes'), list('MessageIds')];
	const records = Array.isArray(event.Events) ? (event.Events as JsonObject[]) : [];
	return records.some(record => {
		const [prefix = '', ...rest] = String(record.MessageId ?? '').split('.');
		const key = rest.at(-1) ?? '';
		return (prefixes.length === 0 || prefixes.includes(prefix)) && (ids.length === 0 || ids.includes(key));
	});
}
