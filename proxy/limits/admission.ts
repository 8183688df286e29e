import type { Clock } from '../../common/clock.ts';
import { proxyErrors } from '../errors.ts';
import type { Operator } from '../operator.ts';
import { createTokenBucket, type Rate, type TokenBucket } from './token-bucket.ts';

export interface Allowance extends Rate {
	/** Requests under way at once. */
	readonly concurrent: number;
}

export interface AdmissionOptions {
	readonly clock: Pick<Clock, 'elapsed'>;
	readonly operator: Allowance;
	readonly party: Allowance;
	/** Told of each request that was turned away, and why. */
	readonly onRefused: (operator: Operator, why: 'rate' | 'concurrent', whose: 'operator' | 'party') => void;
	/** Other processes that let requests in out of the same allowances; 0 when absent. */
	readonly workers?: number | undefined;
}

/**
 * Lets a request in; what it gives is to be called once when the request is over: with 'undone' when another process
 * takes it from its first byte, so that it counts there alone.
 * @throws BimetalError TooManyRequests (429), TooMuchAtOnce (503), both with Retry-After
 */
export type Admit = (operator: Operator) => (how?: 'undone') => void;

/** Requests that another process may let in by itself: so many from now on, so many of them at once. */
export interface Grant {
	readonly tokens: number;
	readonly slots: number;
}

export interface Admission {
	readonly admit: Admit;
	/** Sets a share apart for a worker that has `unused` of its earlier ones left; nothing where little is left. */
	lease(operator: Operator, unused: Grant): Grant;
	/** Takes what a worker does not need. */
	giveBack(operator: Operator, grant: Grant): void;
}

interface Account {
	readonly bucket: TokenBucket;
	readonly allowance: Allowance;
	/** Leased ones included. */
	underWay: number;
}

/** How much of the proxy one operator, and all operators of one party together, may use. */
export function createAdmission(options: AdmissionOptions): Admission {
	const operators = new Map<string, Account>();
	const parties = new Map<string, Account>();
	const { workers = 0 } = options;
	// Names come from the roster, so there are only so many.
	const accountOf = (accounts: Map<string, Account>, name: string, allowance: Allowance): Account => {
		const found = accounts.get(name);
		if (found) return found;
		const account = { bucket: createTokenBucket(options.clock, allowance), allowance, underWay: 0 };
		accounts.set(name, account);
		return account;
	};
	const ownOf = ({ name }: Operator) => accountOf(operators, name, options.operator);
	const allOf = ({ party }: Operator) => accountOf(parties, party, options.party);
	const refuse = (
		operator: Operator,
		whose: 'operator' | 'party',
		{ underWay, allowance }: Account,
	): never => {
		options.onRefused(operator, 'concurrent', whose);
		throw proxyErrors.TooMuchAtOnce(
			`${whose === 'operator' ? operator.name : operator.party} has ${underWay} requests under way, of ${allowance.concurrent} allowed`,
			{ retryAfterSeconds: 1 },
		);
	};
	const wait = (operator: Operator, whose: 'operator' | 'party', { bucket }: Account): void => {
		const ms = bucket.take();
		if (ms === 0) return;
		options.onRefused(operator, 'rate', whose);
		const name = whose === 'operator' ? operator.name : operator.party;
		throw proxyErrors.TooManyRequests(`${name} sends more requests than allowed; wait`, {
			retryAfterSeconds: Math.max(1, Math.ceil(ms / 1000)),
		});
	};

	return {
		admit(operator) {
			const own = ownOf(operator);
			const all = allOf(operator);
			if (own.underWay >= own.allowance.concurrent) refuse(operator, 'operator', own);
			if (all.underWay >= all.allowance.concurrent) refuse(operator, 'party', all);
			wait(operator, 'operator', own);
			wait(operator, 'party', all);
			own.underWay++;
			all.underWay++;
			let isOver = false;
			return () => {
				if (isOver) return;
				isOver = true;
				own.underWay--;
				all.underWay--;
			};
		},
		lease(operator, unused) {
			const accounts = [ownOf(operator), allOf(operator)];
			const least = (shares: readonly number[], has: number): number =>
				Math.max(0, Math.floor(Math.min(...shares) - has));
			const slots = least(
				accounts.map(({ allowance: { concurrent }, underWay }) =>
					shareOf(concurrent, workers, concurrent - underWay + unused.slots),
				),
				unused.slots,
			);
			const tokens = least(
				accounts.map(({ allowance: { burst }, bucket }) =>
					shareOf(burst, workers, bucket.left() + unused.tokens),
				),
				unused.tokens,
			);
			for (const account of accounts) {
				account.underWay += slots;
				account.bucket.change(-tokens);
			}
			return { tokens, slots };
		},
		giveBack(operator, { tokens, slots }) {
			for (const account of [ownOf(operator), allOf(operator)]) {
				account.underWay = Math.max(0, account.underWay - slots);
				account.bucket.change(tokens);
			}
		},
	};
}

/** More than one process ever has under way, or gets through in the time that asking again takes. */
const mostLeased = 10_000;

/**
 * What one worker may hold at once: all of them together half of what is allowed, and none more than half of what is
 * there, so that home always has some for whoever comes by another worker.
 */
const shareOf = (allowed: number, workers: number, left: number): number =>
	Math.min(mostLeased, allowed / (2 * Math.max(1, workers)), left / 2);
