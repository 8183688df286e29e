import { randomBytes } from 'node:crypto';
import type { Clock } from '../../common/clock.ts';

export interface Session {
	readonly id: string;
	readonly token: string;
	/** Sent back in X-XSRF-TOKEN by whoever logs in with the cookie and changes something. */
	readonly csrf: string;
	readonly account: string;
	readonly address: string;
	lastUsed: number;
}

export interface Sessions {
	/** Seconds without use after which a session ends. */
	timeout: number;
	open(account: string, address: string): Session;
	/** The session with this token, its use recorded. */
	use(token: string): Session | undefined;
	list(): readonly Session[];
	remove(id: string): boolean;
	removeOf(account: string): void;
}

// bmcweb's own limit; the one used longest ago makes room.
const MAX_SESSIONS = 64;

export function createSessions(clock: Clock): Sessions {
	const byToken = new Map<string, Session>();
	const sessions: Sessions = {
		timeout: 1800,
		open(account, address) {
			expire();
			if (byToken.size >= MAX_SESSIONS) {
				const oldest = [...byToken.values()].sort((a, b) => a.lastUsed - b.lastUsed)[0];
				if (oldest) byToken.delete(oldest.token);
			}
			const session = {
				id: randomText(10),
				token: randomText(20),
				csrf: randomText(20),
				account,
				address,
				lastUsed: clock.now(),
			};
			byToken.set(session.token, session);
			return session;
		},
		use(token) {
			const session = byToken.get(token);
			if (!session) return undefined;
			if (isOver(session)) {
				byToken.delete(token);
				return undefined;
			}
			session.lastUsed = clock.now();
			return session;
		},
		list() {
			expire();
			return [...byToken.values()];
		},
		remove(id) {
			for (const session of byToken.values()) {
				if (session.id === id) return byToken.delete(session.token);
			}
			return false;
		},
		removeOf(account) {
			for (const session of byToken.values()) {
				if (session.account === account) byToken.delete(session.token);
			}
		},
	};
	function isOver(session: Session): boolean {
		return clock.now() - session.lastUsed >= sessions.timeout * 1000;
	}
	function expire(): void {
		for (const session of byToken.values()) if (isOver(session)) byToken.delete(session.token);
	}
	return sessions;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

function randomText(length: number): string {
	let text = '';
	while (text.length < length) {
		for (const byte of randomBytes(length * 2)) {
			// 248 is the largest multiple of 62 in a byte: above it the letters would not be equally likely.
			if (byte < 248 && text.length < length) text += ALPHABET[byte % 62];
		}
	}
	return text;
}
