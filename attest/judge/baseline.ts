import { z } from 'zod';

const hexBytes = z.string().regex(/^([0-9a-f]{2})+$/);

/** What the last good evidence of an admission has proven: the next is compared with it. Plain data: it is stored. */
export const baseline = z.strictObject({
	/** The AK's qualified name. */
	signer: hexBytes,
	/** Milliseconds, as text: 64 bits. */
	clock: z.string().regex(/^\d{1,20}$/),
	resetCount: z.int().min(0),
	restartCount: z.int().min(0),
	safe: z.boolean(),
	/** By PCR. */
	pcrs: z.record(z.string(), hexBytes),
	/** Of IMA's list: entries that were proven, what PCR 10 was then, and how many more were shown. */
	ima: z.strictObject({ entries: z.int().min(0), pcr: hexBytes, ahead: z.int().min(0) }).nullable(),
});
export type Baseline = z.output<typeof baseline>;
