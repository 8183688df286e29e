import { hash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../../common/clock.ts';
import { defineCollection, type Store } from '../../common/store/store.ts';
import type { Operator } from '../operator.ts';
import type { Roster, RosterEntry } from './roster.ts';

/** What is on disk of a session: enough to recognise its token, not enough to use it. */
const sessionDocument = z.strictObject({
	operator: z.string(),
	party: z.string(),
	/** SHA-256 of the token, base64url. */
	tokenHash: z.string(),
	/** The roster entry's version at log-in. */
	credentials: z.string(),
	/** Milliseconds since the epoch. */
	createdAt: z.int(),
	/** Where it was opened from; null: before that was kept. */
	origin: z
		.strictObject({ network: z.string(), certificate: z.string().nullable() })
		.nullable()
		.default(null),
});
const sessionCollection = defineCollection('sessions', sessionDocument);

/** Where a request comes from. */
export interface Origin {
	/** As `networkOf` names it: an IPv4 address, or the /64 of an IPv6 address. */
	readonly network: string;
	/** SHA-256 of the client certificate that the connection has shown, hex; null when it has shown none. */
	readonly certificate: string | null;
}

/**
 * What a session's token is good for besides: `address` binds it to the address, and to the client certificate where
 * one was shown, that it was opened from; `certificate` to the latter only; `none` to nothing.
 */
export type SessionBinding = 'address' | 'certificate' | 'none';

export interface Session {
	/** The last segment of `/redfish/v1/SessionService/Sessions/{id}`; not a secret. */
	readonly id: string;
	readonly operator: Operator;
	readonly createdAt: number;
	readonly lastUsedAt: number;
	readonly origin: Origin;
}

/** A session as another process of this proxy knows it: enough to recognise its token, not enough to use it. */
export interface SessionRecord {
	readonly id: string;
	readonly operator: Operator;
	/** SHA-256 of the token, base64url. */
	readonly tokenHash: string;
	/** The roster entry's version at log-in. */
	readonly credentials: string;
	readonly createdAt: number;
	readonly origin: Origin;
}

/** Who keeps a copy of the sessions. */
export interface SessionFollower {
	opened(session: SessionRecord): void;
	/** Resolves once no copy takes its token any more. Never rejects. */
	ended(id: string): Promise<void>;
}

export interface Sessions {
	/** Opens a session that is on disk when the promise resolves. The token is told this once. */
	open(entry: RosterEntry, from: Origin): Promise<{ readonly session: Session; readonly token: string }>;
	/**
	 * The session of a token, which counts as used now; undefined when there is none (any more), or when it is used
	 * from elsewhere than it is bound to. Never waits.
	 */
	use(token: string, from: Origin): Session | undefined;
	get(id: string): Session | undefined;
	/** Live sessions, of one party when given, by id. */
	list(party?: string): Session[];
	/** False when there was none. Ended at once; on disk, and everywhere, when the promise resolves. */
	end(id: string): Promise<boolean>;
	/** It was used in another process, or by a console that was opened in it. */
	touch(id: string): void;
	/** All that are open, for a copy. */
	records(): SessionRecord[];
	/** Waits for what is being written. The store stays open. */
	close(): Promise<void>;
}

export interface SessionsDeps {
	readonly store: Store;
	readonly clock: Clock;
	/** The roster now: sessions of operators that it does not know, or knows otherwise, are over. */
	readonly roster: () => Roster;
	/** Milliseconds without use, by party where it differs; 30 minutes. */
	readonly idleTimeout?: number | ((party: string) => number);
	/** Milliseconds from log-in, used or not; 12 hours. */
	readonly absoluteTimeout?: number;
	/** An operator's least recently used session makes room for one more than this; 32. */
	readonly perOperator?: number;
	/** Told of each session that has ended, for whatever reason. */
	readonly onEnd?: (id: string) => void;
	/** Told when an ended session could not be erased; it stays ended until the next start. */
	readonly onFault?: (error: unknown) => void;
	/** `address` when absent. */
	readonly boundTo?: SessionBinding;
	/** Somebody used a session's token from elsewhere; once for each session and address. */
	readonly onElsewhere?: (session: Session, from: Origin) => void;
	readonly follower?: SessionFollower | undefined;
}

const minute = 60_000;

interface Live extends Session, SessionRecord {
	lastUsedAt: number;
	/** What has been said about this session's use from elsewhere. */
	readonly elsewhere: Set<string>;
	/** On the clock that nobody sets: when it was last used, and when it is over however it is used. */
	usedAt: number;
	readonly endsAt: number;
}

/** Reports of one session's use from elsewhere. */
const maxElsewhere = 16;

/**
 * Redfish sessions (DSP0266 "Session management") that end at the proxy: a BMC never sees them. They outlive a
 * restart; when each was last used does not, so a restart counts as a use.
 */
export async function openSessions(deps: SessionsDeps): Promise<Sessions> {
	const { store, clock, roster } = deps;
	const idle = deps.idleTimeout ?? 30 * minute;
	const idleTimeout = (party: string): number => (typeof idle === 'number' ? idle : idle(party));
	const absoluteTimeout = deps.absoluteTimeout ?? 12 * 60 * minute;
	const perOperator = deps.perOperator ?? 32;
	const boundTo = deps.boundTo ?? 'address';
	const byId = new Map<string, Live>();
	const byToken = new Map<string, Live>();
	const writing = new Set<Promise<unknown>>();

	const remember = (session: Live): void => {
		byId.set(session.id, session);
		byToken.set(session.tokenHash, session);
	};

	const erase = (session: Live): Promise<boolean> => {
		byId.delete(session.id);
		byToken.delete(session.tokenHash);
		deps.onEnd?.(session.id);
		const told = deps.follower?.ended(session.id);
		const kept = store.transact(tx => tx.delete(sessionCollection, session.id));
		const erased = told ? Promise.all([kept, told]).then(([found]) => found) : kept;
		const settled = erased.then(
			() => undefined,
			() => undefined,
		);
		writing.add(settled);
		void settled.then(() => writing.delete(settled));
		return erased;
	};

	const eraseLater = (session: Live): void => {
		erase(session).catch(error => deps.onFault?.(error));
	};

	/** The session if it still counts; otherwise it is over, here and on disk. */
	const current = (session: Live | undefined): Live | undefined => {
		if (session === undefined) return undefined;
		const now = clock.now();
		const entry = roster().find(session.operator.name);
		const elapsed = clock.elapsed();
		// By the time of day as well: it is what counts over a restart, and what ends first is right.
		const counts =
			entry?.version === session.credentials &&
			elapsed - session.usedAt < idleTimeout(session.operator.party) &&
			elapsed < session.endsAt &&
			now - session.createdAt < absoluteTimeout;
		if (counts) return session;
		eraseLater(session);
		return undefined;
	};

	const makeRoom = (operator: string): void => {
		const own = [...byId.values()].filter(session => session.operator.name === operator);
		own.sort((a, b) => a.usedAt - b.usedAt);
		for (const session of own.slice(0, Math.max(0, own.length - perOperator + 1))) eraseLater(session);
	};

	for (const { id, document } of await store.read(tx => tx.list(sessionCollection))) {
		const { operator: name, party, tokenHash, credentials, createdAt, origin } = document;
		const now = clock.now();
		const session: Live = {
			id,
			operator: { name, party },
			tokenHash,
			credentials,
			createdAt,
			lastUsedAt: now,
			origin: origin ?? { network: '', certificate: null },
			elsewhere: new Set(),
			usedAt: clock.elapsed(),
			endsAt: clock.elapsed() + absoluteTimeout - Math.max(0, now - createdAt),
		};
		remember(session);
		if (origin === null && boundTo !== 'none') eraseLater(session);
	}

	const report = (session: Live, from: Origin): void => {
		const key = `${from.network} ${from.certificate}`;
		if (session.elsewhere.has(key) || session.elsewhere.size >= maxElsewhere) return;
		session.elsewhere.add(key);
		deps.onElsewhere?.(session, from);
	};

	const sweep = (): void => {
		for (const session of [...byId.values()]) current(session);
		cancelSweep = clock.after(minute, sweep);
	};
	let cancelSweep = (): void => undefined;
	sweep();

	return {
		async open({ operator, version }, origin) {
			const token = randomBytes(32).toString('base64url');
			const now = clock.now();
			const id = randomBytes(12).toString('hex');
			const session = {
				id,
				operator,
				tokenHash: hashToken(token),
				credentials: version,
				createdAt: now,
				lastUsedAt: now,
				origin,
				elsewhere: new Set<string>(),
				usedAt: clock.elapsed(),
				endsAt: clock.elapsed() + absoluteTimeout,
			};
			makeRoom(operator.name);
			await store.transact(tx =>
				tx.insert(sessionCollection, id, {
					operator: operator.name,
					party: operator.party,
					tokenHash: session.tokenHash,
					credentials: version,
					createdAt: now,
					origin: { ...origin },
				}),
			);
			remember(session);
			deps.follower?.opened(recordOf(session));
			return { session, token };
		},
		use(token, from) {
			const session = current(byToken.get(hashToken(token)));
			if (session === undefined) return undefined;
			if (!isAtHome(boundTo, session.origin, from)) {
				report(session, from);
				return undefined;
			}
			session.lastUsedAt = clock.now();
			session.usedAt = clock.elapsed();
			return session;
		},
		get: id => current(byId.get(id)),
		list(party) {
			const live = [...byId.values()].filter(session => current(session) !== undefined);
			const wanted = live.filter(session => party === undefined || session.operator.party === party);
			return wanted.sort((a, b) => (a.id < b.id ? -1 : 1));
		},
		async end(id) {
			const session = current(byId.get(id));
			if (session === undefined) return false;
			await erase(session);
			return true;
		},
		touch(id) {
			const session = byId.get(id);
			if (!session) return;
			session.lastUsedAt = clock.now();
			session.usedAt = clock.elapsed();
		},
		records: () => [...byId.values()].map(recordOf),
		async close() {
			cancelSweep();
			await Promise.all(writing);
		},
	};
}

/** Whether a session that was opened from `origin` is good for a request that comes from there. */
export const isAtHome = (boundTo: SessionBinding, origin: Origin, from: Origin): boolean =>
	boundTo === 'none' ||
	(origin.certificate === from.certificate && (boundTo === 'certificate' || origin.network === from.network));

const recordOf = ({ id, operator, tokenHash, credentials, createdAt, origin }: Live): SessionRecord => ({
	id,
	operator,
	tokenHash,
	credentials,
	createdAt,
	origin,
});

/** Looking up the hash, not the token, also keeps the look-up's time from telling anything of the token. */
export function hashToken(token: string): string {
	return hash('sha256', token, 'base64url');
}
