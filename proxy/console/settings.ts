import { z } from 'zod';
import { byteSize, duration } from '../../common/config/values.ts';

const minute = 60_000;
const kept = z.enum(['no', 'output', 'both']);

/** `consoles` of the site file. */
export const consoleSettings = z
	.strictObject({
		/** Longest time without a word from its operator. */
		idleTimeout: duration.default(30 * minute),
		/** Longest time from opening to end. */
		lifetime: duration.default(8 * 60 * minute),
		/** Consoles of one BMC that may be open at once. */
		perBmc: z.int().min(1).max(50).default(4),
		/** How much of a serial console's output is kept in memory for who begins to watch. */
		scrollback: byteSize.default(64 * 1024),
		/**
		 * What is kept of sessions in files that the proxy alone can read: nothing, what the BMC sent, or that and what the
		 * operator sent. What is typed at a password prompt is in `both`.
		 */
		transcripts: z
			.strictObject({
				serial: kept.default('no'),
				kvm: kept.default('no'),
				media: kept.default('no'),
			})
			.default({ serial: 'no', kvm: 'no', media: 'no' }),
		/** From the end of a session until its transcript is deleted, which is put on the record. */
		transcriptAge: duration.default(90 * 24 * 60 * minute),
		/** Bytes of one transcript at most: a session whose transcript has grown to that ends. */
		transcriptLimit: byteSize.default(16 * 1024 * 1024),
		/** Origins of web pages that may open consoles besides the proxy's own. */
		origins: z
			.array(z.string().regex(/^https:\/\/[a-z0-9.:[\]-]+$/, 'expected an origin: https://console.example'))
			.default([]),
	})
	.prefault({});

export type ConsoleSettings = z.output<typeof consoleSettings>;
