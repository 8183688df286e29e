/** One event of a stream of server-sent events, as its fields say (WHATWG HTML §9.2.6). */
export interface SseMessage {
	/** Of this event or an earlier one; '' before the first. */
	readonly id: string;
	readonly event: string;
	/** The `data` lines with a newline between them. */
	readonly data: string;
}

export interface SseLimits {
	/** Bytes of one event, its field names and comments included. */
	readonly event: number;
}

export interface SseParser {
	/** The events that these bytes complete. Throws an Error on what is no event stream, or too long. */
	push(bytes: Uint8Array): SseMessage[];
}

const lf = 0x0a;
const cr = 0x0d;

/**
 * Reads a stream of server-sent events, whole lines at a time, holding never more than one event. The sender is
 * not trusted: what is no UTF-8, holds NUL, or goes on without end is a fault and not skipped, since after it
 * nobody can say what else was lost.
 */
export function createSseParser(limits: SseLimits): SseParser {
	const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
	/** Bytes of the line that has not ended yet. */
	let pending: Uint8Array[] = [];
	/** Bytes since the last event ended. */
	let size = 0;
	let data: string[] = [];
	let event = '';
	let id = '';
	let afterCr = false;
	let isFirst = true;

	const takeLine = (messages: SseMessage[]): void => {
		let line = decoder.decode(pending.length === 1 ? pending[0] : Buffer.concat(pending));
		pending = [];
		if (isFirst && line.startsWith('\ufeff')) line = line.slice(1);
		isFirst = false;
		if (line.includes('\0')) throw new Error('a NUL in the event stream');
		if (line === '') {
			if (data.length > 0) messages.push({ id, event, data: data.join('\n') });
			data = [];
			event = '';
			size = 0;
			return;
		}
		const colon = line.indexOf(':');
		if (colon === 0) return; // a comment
		const name = colon < 0 ? line : line.slice(0, colon);
		const value = colon < 0 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1));
		if (name === 'data') data.push(value);
		else if (name === 'event') event = value;
		else if (name === 'id') id = value;
	};

	return {
		push(bytes) {
			const messages: SseMessage[] = [];
			let start = 0;
			for (let at = 0; at < bytes.length; at++) {
				const byte = bytes[at];
				if (afterCr && byte === lf) {
					afterCr = false;
					start = at + 1;
					continue;
				}
				afterCr = byte === cr;
				if (++size > limits.event) throw new Error(`an event of more than ${limits.event} bytes`);
				if (byte !== lf && byte !== cr) continue;
				pending.push(bytes.subarray(start, at));
				start = at + 1;
				takeLine(messages);
			}
			// A copy: the chunk is the connection's, and may be one of many bytes.
			if (start < bytes.length) pending.push(bytes.slice(start));
			return messages;
		},
	};
}
