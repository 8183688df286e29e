import type { Clock } from '../../common/clock.ts';
import type { Roster } from '../authenticate/roster.ts';
import {
	hashToken,
	isAtHome,
	type Origin,
	type Session,
	type SessionBinding,
	type SessionRecord,
} from '../authenticate/sessions.ts';

export interface SessionCopyDeps {
	readonly clock: Clock;
	readonly roster: () => Roster;
	/** Milliseconds, as home's: by party. */
	readonly idleTimeout: (party: string) => number;
	readonly lifetime: number;
	readonly boundTo: SessionBinding;
	/** Tells home which were used since the last time. */
	readonly tell: (ids: readonly string[]) => void;
}

/**
 * A worker's copy of home's sessions. It only ever says yes: a token that it does not know may have been opened
 * just now, and one that has been idle here may have been used elsewhere; home knows.
 */
export interface SessionCopy {
	use(token: string, from: Origin): Session | undefined;
	opened(session: SessionRecord): void;
	ended(id: string): void;
	close(): void;
}

/** Milliseconds between two tellings: by so much earlier than its time a session in use here could end. */
const tellEvery = 1000;

export function createSessionCopy(deps: SessionCopyDeps, first: readonly SessionRecord[]): SessionCopy {
	const { clock, roster } = deps;
	const byToken = new Map<string, SessionRecord & { lastUsedAt: number; usedAt: number; endsAt: number }>();
	const tokenOf = new Map<string, string>();
	const used = new Set<string>();
	let cancel: (() => void) | undefined;

	const opened = (session: SessionRecord): void => {
		const now = clock.now();
		const usedAt = clock.elapsed();
		const endsAt = usedAt + deps.lifetime - Math.max(0, now - session.createdAt);
		byToken.set(session.tokenHash, { ...session, lastUsedAt: now, usedAt, endsAt });
		tokenOf.set(session.id, session.tokenHash);
	};
	for (const session of first) opened(session);

	const flush = (): void => {
		cancel = undefined;
		if (used.size > 0) deps.tell([...used]);
		used.clear();
	};
	return {
		use(token, from) {
			const session = byToken.get(hashToken(token));
			if (session === undefined || !isAtHome(deps.boundTo, session.origin, from)) return undefined;
			const now = clock.now();
			const elapsed = clock.elapsed();
			const counts =
				roster().find(session.operator.name)?.version === session.credentials &&
				elapsed - session.usedAt < deps.idleTimeout(session.operator.party) &&
				elapsed < session.endsAt &&
				now - session.createdAt < deps.lifetime;
			if (!counts) return undefined;
			session.lastUsedAt = now;
			session.usedAt = elapsed;
			used.add(session.id);
			cancel ??= clock.after(tellEvery, flush);
			return session;
		},
		opened,
		ended(id) {
			const token = tokenOf.get(id);
			if (token !== undefined) byToken.delete(token);
			tokenOf.delete(id);
			used.delete(id);
		},
		close() {
			cancel?.();
			flush();
		},
	};
}
