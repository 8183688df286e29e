import type { Stream } from '../redfish/answer.ts';
import { type JsonObject, renderJson } from '../redfish/json.ts';

/** Server-sent events as bmcweb sends them: the event's JSON over several data lines. */
export interface EventStream {
	/** Sends one Redfish Event with these records to everybody who listens. */
	send(events: readonly JsonObject[]): void;
	listeners(): number;
	open(): Stream;
}

// bmcweb's own limit of listeners.
const MAX_LISTENERS = 10;

export function createEventStream(): EventStream {
	const listeners = new Set<(text: string) => void>();
	let nextId = 1;
	return {
		send(events) {
			const id = String(nextId++);
			const body = renderJson({
				'@odata.type': '#Event.v1_4_0.Event',
				Events: events.map((event, index) => ({ MemberId: String(index), ...event })),
				Id: id,
				Name: 'Event Log',
			});
			const text = `id: ${id}\n${body.replace(/^/gm, 'data: ')}\n\n`;
			for (const listener of listeners) listener(text);
		},
		listeners: () => listeners.size,
		open: () => ({
			stream: true,
			head: 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n',
			open(send) {
				if (listeners.size >= MAX_LISTENERS) {
					const oldest = listeners.values().next().value;
					if (oldest) listeners.delete(oldest);
				}
				listeners.add(send);
				return () => listeners.delete(send);
			},
		}),
	};
}
