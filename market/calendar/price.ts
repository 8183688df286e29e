import { z } from 'zod';

/**
 * Microcredits for a second of a server: less than 10^11, a hundred thousand credits a second. So the prices of all servers of
 * a bid together are less than 2^53, and sums of them are exact as numbers.
 */
export const priceText = z.string().regex(/^[1-9]\d{0,10}$/, 'expected whole microcredits for a second');
