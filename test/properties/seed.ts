import { randomInt } from 'node:crypto';

/** What tests are given that nobody chose another for, so that the same program gets the same verdict twice. */
const usualSeed = 20_261_122;

const wholeNumber = /^\d{1,10}$/;

/**
 * What BIMETAL_TEST_SEED asks for: a whole number below 2³¹, or `random` for one that is drawn anew at each call.
 * @throws Error at anything else.
 */
export function chooseSeed(asked: string | undefined): number {
	if (asked === undefined || asked === '') return usualSeed;
	if (asked === 'random') return randomInt(2 ** 31);
	const seed = Number(asked);
	if (!wholeNumber.test(asked) || seed >= 2 ** 31)
		throw new Error(`BIMETAL_TEST_SEED is ${asked}: give a whole number below ${2 ** 31}, or random`);
	return seed;
}

/**
 * What BIMETAL_TEST_RUNS asks for: how many times as many runs of each property as it says itself.
 * @throws Error at anything but a whole number from 1 to 100,000.
 */
export function chooseFactor(asked: string | undefined): number {
	if (asked === undefined || asked === '') return 1;
	const factor = Number(asked);
	if (!wholeNumber.test(asked) || factor < 1 || factor > 100_000)
		throw new Error(`BIMETAL_TEST_RUNS is ${asked}: give a whole number from 1 to 100000`);
	return factor;
}
