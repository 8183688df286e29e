import type { Stream } from '../redfish/answer.ts';
import { type JsonObject, renderJson } from '../redfish/json.ts';

/** Server-sent events as bmcweb sends them: the event's JSON over several data lines. */
export interface EventStream {
	/** Sends one Redfish Event with these records to everybody who listens, and to every subscription. */
	send(events: readonly JsonObject[]): void;
	listeners(): number;
	/** Numbers of the streams that are open: bmcweb lists each among the subscriptions. */
	ids(): readonly string[];
	/** Hangs up on a listener; whether there was one of that number. */
	end(id: string): boolean;
	/** With the number of the last event that a client has seen, those after it come first, as far as they are kept. */
	open(lastEventId?: string): Stream;
}

// bmcweb's own limits: of listeners, and of events kept for those who come back.
const MAX_LISTENERS = 10;
const MAX_KEPT = 200;

/** `onEvent` is told every event as it is sent, for subscriptions. */
export function createEventStream(onEvent: (event: JsonObject) => void = () => {}): EventStream {
	const listeners = new Map<string, { readonly send: (text: string) => void; readonly end: () => void }>();
	let nextListener = 1;
	const kept: { readonly id: string; readonly text: string }[] = [];
	let nextId = 1;
	return {
		send(events) {
			const id = String(nextId++);
			const event = {
				'@odata.type': '#Event.v1_4_0.Event',
				Events: events.map((record, index) => ({ MemberId: String(index), ...record })),
				Id: id,
				Name: 'Event Log',
			};
			const text = `id: ${id}\n${renderJson(event).replace(/^/gm, 'data: ')}\n\n`;
			kept.push({ id, text });
			if (kept.length > MAX_KEPT) kept.shift();
			for (const { send } of listeners.values()) send(text);
			onEvent(event);
		},
		listeners: () => listeners.size,
		ids: () => [...listeners.keys()],
		end(id) {
			const listener = listeners.get(id);
			listeners.delete(id);
			listener?.end();
			return listener !== undefined;
		},
		open: lastEventId => ({
			stream: true,
			head: 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n',
			open(send, end) {
				if (listeners.size >= MAX_LISTENERS) {
					const oldest = listeners.keys().next().value;
					if (oldest !== undefined) listeners.delete(oldest);
				}
				const own = `sse${nextListener++}`;
				listeners.set(own, { send, end });
				// Of a number that it does not know it has nothing to repeat.
				const seen = kept.findIndex(({ id }) => id === lastEventId);
				if (seen >= 0) for (const { text } of kept.slice(seen + 1)) send(text);
				return () => listeners.delete(own);
			},
		}),
	};
}
