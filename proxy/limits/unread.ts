import type { ServerResponse } from 'node:http';
import type { Clock } from '../../common/clock.ts';
import { proxyErrors } from '../errors.ts';

export interface UnreadOptions {
	readonly clock: Pick<Clock, 'after'>;
	/** Bytes of answers that the clients of one party may leave unread at once. */
	readonly perParty: number;
	/** Milliseconds that a client may take to read an answer once it is there whole. */
	readonly longest: number;
	/** Told of each answer that was cut off because nobody read it. */
	readonly onStalled: () => void;
}

/** Answers smaller than this fit into the system's buffers. */
const small = 64 * 1024;

/**
 * Bounds what slow readers make the proxy hold: an answer that stands whole in memory counts for its party until its
 * client has read it.
 * @throws BimetalError TooMuchAtOnce when the party has too much unread already
 */
export type HoldUnread = (party: string, bytes: number, response: ServerResponse) => void;

export function createUnread({ clock, perParty, longest, onStalled }: UnreadOptions): HoldUnread {
	const unread = new Map<string, number>();
	return (party, bytes, response) => {
		if (bytes < small || response.destroyed) return;
		const before = unread.get(party) ?? 0;
		if (before > 0 && before + bytes > perParty) {
			throw proxyErrors.TooMuchAtOnce(`${party} has ${before} bytes of answers that nobody has read`, {
				retryAfterSeconds: 1,
			});
		}
		unread.set(party, before + bytes);
		const cancel = clock.after(longest, () => {
			onStalled();
			response.destroy();
		});
		response.once('close', () => {
			cancel();
			const left = (unread.get(party) ?? bytes) - bytes;
			if (left > 0) unread.set(party, left);
			else unread.delete(party);
		});
	};
}
