import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../../common/clock.ts';
import { defineCollection, type Store } from '../../common/store/store.ts';
import type { Operator } from '../operator.ts';
import type { Roster } from './roster.ts';
import { createThrottle, type Mark, type Throttle } from './throttle.ts';

const minute = 60_000;
const hour = 60 * minute;

/**
 * Failures count for the operator at an address (5 free, then waits that double up to an hour), for the address
 * (20 free, up to 5 minutes) and for the operator from anywhere (50 free, up to 1 minute only).
 */
const scales = {
	pair: { free: 5, delay: 1000, maxDelay: hour, memory: 24 * hour },
	address: { free: 20, delay: 1000, maxDelay: 5 * minute, memory: hour },
	account: { free: 50, delay: 1000, maxDelay: minute, memory: hour },
} as const;
type Scale = keyof typeof scales;

/** Milliseconds for which an address counts as an operator's own after a log-in from there. */
const knownFor = 30 * 24 * hour;
const knownPerOperator = 32;

/** What must be known after a restart. Of names that are nobody's nothing is kept: they may be passwords. */
const lockoutDocument = z.strictObject({
	kind: z.enum(['pair', 'address', 'account', 'known']),
	operator: z.string().nullable(),
	/** A network as `networkOf` names it; null: from anywhere. */
	from: z.string().nullable(),
	failures: z.int(),
	/** Milliseconds since the epoch. */
	blockedUntil: z.int(),
	lastAt: z.int(),
});
type LockoutDocument = z.infer<typeof lockoutDocument>;
const lockoutCollection = defineCollection('lockouts', lockoutDocument);

/** An operator who cannot log in with a password for now. */
export interface Lockout {
	readonly operator: string;
	/** Null: wherever the operator has not logged in from before. */
	readonly from: string | null;
	readonly failures: number;
	/** Milliseconds since the epoch. */
	readonly until: number;
}

/** Who has to wait after wrong passwords: each operator at each address by itself, and each address. */
export interface Lockouts {
	/** Milliseconds until a password is looked at; 0 counts a failure until it is forgiven or has succeeded. */
	attempt(name: string, from: string): number;
	/** The attempt was not looked at after all. */
	forgive(name: string, from: string): void;
	/** It was wrong: what that leads to is kept and recorded. */
	failed(name: string, from: string): void;
	succeeded(name: string, from: string): void;
	/** Of one party's operators, longest first. */
	list(party: string): Lockout[];
	/** Lets an operator try again, at one address or at all. False when nothing was locked. On disk when it resolves. */
	unlock(operator: Operator, from: string | undefined): Promise<boolean>;
	/** Waits for what is being written. */
	settled(): Promise<void>;
}

export interface LockoutsDeps {
	readonly clock: Clock;
	readonly roster: () => Roster;
	/** Absent: nothing is kept over a restart. */
	readonly store?: Store | undefined;
	/** Told each time that somebody has to wait from now on. `operator` is null where the name is nobody's. */
	readonly onLock?: (lock: {
		operator: string | null;
		party: string | null;
		from: string;
		failures: number;
		until: number;
	}) => void;
	/** It could not be kept over a restart. */
	readonly onFault?: (fault: unknown) => void;
}

/**
 * Nobody can lock an operator out from somewhere else: what fails at one address counts there, and for the account
 * only its first failures do, so that it takes many addresses to slow an account down; where the operator has logged
 * in before, not even those count.
 */
export async function openLockouts(deps: LockoutsDeps): Promise<Lockouts> {
	const { clock, roster, store } = deps;
	const throttles: Record<Scale, Throttle> = {
		pair: createThrottle(clock, scales.pair),
		address: createThrottle(clock, scales.address),
		account: createThrottle(clock, scales.account),
	};
	const { pair: pairs, address: addresses, account: accounts } = throttles;
	/** By operator: networks with the time of the last log-in from there. */
	const known = new Map<string, Map<string, number>>();
	let writing: Promise<unknown> = Promise.resolve();

	const later = (id: string, document: LockoutDocument | undefined): Promise<unknown> | undefined => {
		if (!store) return undefined;
		const written = store.transact(async tx => {
			if (document) await tx.put(lockoutCollection, id, document);
			else await tx.delete(lockoutCollection, id);
		});
		const settled = written.catch(fault => deps.onFault?.(fault));
		writing = Promise.all([writing, settled]);
		return written;
	};
	const asDocument = (
		kind: Scale,
		operator: string | null,
		from: string | null,
		{ failures, wait, age }: Mark,
	): LockoutDocument => {
		const now = clock.now();
		return {
			kind,
			operator,
			from,
			failures,
			blockedUntil: Math.round(now + wait),
			lastAt: Math.round(now - age),
		};
	};

	for (const { id, document } of store ? await store.read(tx => tx.list(lockoutCollection)) : []) {
		const { kind, operator, from, failures, blockedUntil, lastAt } = document;
		const now = clock.now();
		const age = Math.max(0, now - lastAt);
		if (kind === 'known') {
			if (operator === null || from === null || age > knownFor) void later(id, undefined);
			else knownOf(operator).set(from, lastAt);
			continue;
		}
		const key = kind === 'pair' ? pairKey(operator ?? '', from ?? '') : (operator ?? from ?? '');
		throttles[kind].restore(key, { failures, wait: Math.max(0, blockedUntil - now), age });
		if (throttles[kind].mark(key) === undefined) void later(id, undefined);
	}

	function knownOf(operator: string): Map<string, number> {
		const networks = known.get(operator) ?? new Map<string, number>();
		known.set(operator, networks);
		return networks;
	}
	const isKnown = (name: string, from: string): boolean => known.get(name)?.has(from) === true;

	const remember = (name: string, from: string): void => {
		const networks = knownOf(name);
		const now = clock.now();
		const before = networks.get(from);
		networks.set(from, now);
		if (before !== undefined && now - before < 24 * hour) return;
		for (const [old, at] of networks) {
			if (networks.size <= knownPerOperator && now - at < knownFor) break;
			networks.delete(old);
			void later(idOf('known', name, old), undefined);
		}
		void later(idOf('known', name, from), {
			kind: 'known',
			operator: name,
			from,
			failures: 0,
			blockedUntil: 0,
			lastAt: now,
		});
	};

	return {
		attempt(name, from) {
			const pair = pairKey(name, from);
			const everywhere = isKnown(name, from) ? 0 : accounts.wait(name);
			const wait = Math.max(pairs.wait(pair), addresses.wait(from), everywhere);
			if (wait > 0) return wait;
			pairs.attempt(pair);
			addresses.attempt(from);
			if (countsForAccount(pairs.mark(pair))) accounts.attempt(name);
			return 0;
		},
		forgive(name, from) {
			const pair = pairKey(name, from);
			if (countsForAccount(pairs.mark(pair))) accounts.forgive(name);
			pairs.forgive(pair);
			addresses.forgive(from);
		},
		failed(name, from) {
			const operator = roster().find(name)?.operator;
			const marks: [Scale, string | null, string | null, Mark | undefined][] = [
				['pair', operator?.name ?? null, from, pairs.mark(pairKey(name, from))],
				['address', null, from, addresses.mark(from)],
				['account', operator?.name ?? null, null, accounts.mark(name)],
			];
			const blocking = marks.filter(([, , , mark]) => mark !== undefined && mark.wait > 0);
			for (const [kind, who, where, mark] of blocking) {
				if (mark && (kind === 'address' || who !== null))
					void later(idOf(kind, who, where), asDocument(kind, who, where, mark));
			}
			const worst = blocking.reduce((most, [, , , mark]) => Math.max(most, mark?.wait ?? 0), 0);
			if (worst === 0) return;
			deps.onLock?.({
				operator: operator?.name ?? null,
				party: operator?.party ?? null,
				from,
				failures: marks[0]?.[3]?.failures ?? 0,
				until: Math.round(clock.now() + worst),
			});
		},
		succeeded(name, from) {
			const pair = pairKey(name, from);
			if ((pairs.mark(pair)?.failures ?? 0) > scales.pair.free)
				void later(idOf('pair', name, from), undefined);
			if ((accounts.mark(name)?.failures ?? 0) > scales.account.free)
				void later(idOf('account', name, null), undefined);
			pairs.clear(pair);
			accounts.clear(name);
			// Only this attempt: who owns one account must not wipe out the guesses at others.
			addresses.forgive(from);
			remember(name, from);
		},
		list(party) {
			const now = clock.now();
			const found: Lockout[] = [];
			const add = (operator: string, from: string | null, mark: Mark | undefined): void => {
				if (!mark || mark.wait <= 0 || roster().find(operator)?.operator.party !== party) return;
				found.push({ operator, from, failures: mark.failures, until: Math.round(now + mark.wait) });
			};
			for (const key of pairs.keys()) {
				const [from = '', operator = ''] = splitPair(key);
				add(operator, from, pairs.mark(key));
			}
			for (const key of accounts.keys()) add(key, null, accounts.mark(key));
			return found.sort((a, b) => b.until - a.until);
		},
		async unlock({ name }, from) {
			const networks = pairs.keys().flatMap(key => {
				const [network = '', operator] = splitPair(key);
				return operator === name && (from === undefined || from === network) ? [network] : [];
			});
			let found = false;
			const erased: (Promise<unknown> | undefined)[] = [];
			for (const network of networks) {
				found = pairs.clear(pairKey(name, network)) || found;
				erased.push(later(idOf('pair', name, network), undefined));
			}
			if (from === undefined) {
				found = accounts.clear(name) || found;
				erased.push(later(idOf('account', name, null), undefined));
			} else if (addresses.clear(from)) {
				found = true;
				erased.push(later(idOf('address', null, from), undefined));
			}
			await Promise.all(erased);
			return found;
		},
		settled: async () => void (await writing),
	};
}

/** Of one address only the failures that are free there count for the account as well. */
const countsForAccount = (mark: Mark | undefined): boolean => (mark?.failures ?? 0) <= scales.pair.free;

const pairKey = (name: string, from: string): string => `${from} ${name}`;
const splitPair = (key: string): [string, string] => {
	const end = key.indexOf(' ');
	return [key.slice(0, end), key.slice(end + 1)];
};

const idOf = (kind: LockoutDocument['kind'], operator: string | null, from: string | null): string =>
	createHash('sha256')
		.update(JSON.stringify([kind, operator, from]))
		.digest('hex')
		.slice(0, 32);
