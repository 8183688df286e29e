import { z } from 'zod';
import { marketErrors } from '../errors.ts';

/**
 * Credits are counted in whole microcredits, as BigInt: a price for a second of a server is a small part of a credit, and a
 * number could no longer count single ones beyond 2^53. JSON has no BigInt, so records hold decimal text.
 */
const perCredit = 1_000_000n;
const decimals = 6;

/** The most that one transfer moves, and the longest credit line: 10^12 credits. */
const largest = 10n ** 12n * perCredit;

/** Microcredits of a transfer, as recorded. */
export const amountText = z.string().regex(/^[1-9]\d{0,18}$/);
/** Microcredits of a balance, as recorded. One way to write each number: no `-0`, no leading zeros. */
export const balanceText = z.string().regex(/^(0|-?[1-9]\d{0,38})$/);

/** @throws BimetalError AmountRefused */
export function checkAmount(microcredits: bigint): void {
	if (microcredits >= 1n && microcredits <= largest) return;
	throw marketErrors.AmountRefused(
		`${formatCredits(microcredits)} credits cannot be moved: more than 0 and at most ${formatCredits(largest)} can.`,
	);
}

/**
 * Microcredits of what a person wrote in credits: `12`, `0.25`.
 * @throws BimetalError AmountRefused for a sign, an exponent, a seventh decimal, nothing at all, or too much
 */
export function parseCredits(text: string): bigint {
	const [, whole, part = ''] = /^(\d{1,13})(?:\.(\d{1,6}))?$/.exec(text) ?? [];
	if (whole === undefined) {
		throw marketErrors.AmountRefused(
			`${JSON.stringify(text.slice(0, 40))} is no amount: write credits as 12 or 0.25, with up to ${decimals} decimals.`,
		);
	}
	const microcredits = BigInt(whole) * perCredit + BigInt(part.padEnd(decimals, '0'));
	checkAmount(microcredits);
	return microcredits;
}

/** Credits as decimal text, exact: `-0.25`. */
export function formatCredits(microcredits: bigint): string {
	const size = microcredits < 0n ? -microcredits : microcredits;
	const part = (size % perCredit).toString().padStart(decimals, '0').replace(/0+$/, '');
	return `${microcredits < 0n ? '-' : ''}${size / perCredit}${part === '' ? '' : `.${part}`}`;
}
