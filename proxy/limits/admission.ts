import type { Clock } from '../../common/clock.ts';
import { proxyErrors } from '../errors.ts';
import type { Operator } from '../operator.ts';
import { createTokenBucket, type Rate } from './token-bucket.ts';

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
}

/**
 * Lets a request in; what it gives is to be called once when the request is over.
 * @throws BimetalError TooManyRequests (429), TooMuchAtOnce (503), both with Retry-After
 */
export type Admit = (operator: Operator) => () => void;

interface Account {
	readonly take: () => number;
	readonly most: number;
	underWay: number;
}

/** How much of the proxy one operator, and all operators of one party together, may use. */
export function createAdmission(options: AdmissionOptions): Admit {
	const operators = new Map<string, Account>();
	const parties = new Map<string, Account>();
	// Names come from the roster, so there are only so many.
	const accountOf = (accounts: Map<string, Account>, name: string, allowance: Allowance): Account => {
		const found = accounts.get(name);
		if (found) return found;
		const account = {
			take: createTokenBucket(options.clock, allowance),
			most: allowance.concurrent,
			underWay: 0,
		};
		accounts.set(name, account);
		return account;
	};
	const refuse = (operator: Operator, whose: 'operator' | 'party', { underWay, most }: Account): never => {
		options.onRefused(operator, 'concurrent', whose);
		throw proxyErrors.TooMuchAtOnce(
			`${whose === 'operator' ? operator.name : operator.party} has ${underWay} requests under way, of ${most} allowed`,
			{ retryAfterSeconds: 1 },
		);
	};
	const wait = (operator: Operator, whose: 'operator' | 'party', { take }: Account): void => {
		const ms = take();
		if (ms === 0) return;
		options.onRefused(operator, 'rate', whose);
		const name = whose === 'operator' ? operator.name : operator.party;
		throw proxyErrors.TooManyRequests(`${name} sends more requests than allowed; wait`, {
			retryAfterSeconds: Math.max(1, Math.ceil(ms / 1000)),
		});
	};

	return operator => {
		const own = accountOf(operators, operator.name, options.operator);
		const all = accountOf(parties, operator.party, options.party);
		if (own.underWay >= own.most) refuse(operator, 'operator', own);
		if (all.underWay >= all.most) refuse(operator, 'party', all);
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
	};
}
