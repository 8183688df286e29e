import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';

const operator = z.strictObject({ name: z.string(), party: z.string() });
const kept = z.strictObject({ sha256: z.string(), bytes: z.int(), complete: z.boolean() });

/** A console session as it is kept, so that a crash is noticed and what was open is still known. */
export const consoleDocument = z.strictObject({
	id: z.string(),
	state: z.enum(['open', 'ended']),
	bmc: z.string(),
	path: z.string(),
	kind: z.enum(['serial', 'kvm', 'media']),
	operator,
	/** Parties that have agreed to it, by an operator or by a policy; they may watch and end it. */
	consent: z.array(z.string()),
	/** Operators besides its own who authorized it. */
	approvedBy: z.array(operator),
	operations: z.array(z.string()),
	clause: z.string(),
	/** Of one that had to wait. */
	requestId: z.string().nullable(),
	breakGlass: z.string().nullable(),
	/** Milliseconds since the epoch. */
	openedAt: z.int(),
	ended: z.strictObject({ by: operator.nullable(), reason: z.string(), at: z.int() }).nullable(),
	bytesIn: z.int(),
	bytesOut: z.int(),
	/** Whether a transcript is written; its file is named after the id. */
	recorded: z.boolean(),
	transcript: kept.nullable(),
});
export type ConsoleDocument = z.infer<typeof consoleDocument>;

export const consoleDocuments = defineCollection('consoles', consoleDocument, {
	state: document => document.state,
});

/** Sorts by time, for instance `c19a3f2e5d01b7c3e`. */
export const newConsoleId = (now: number): string =>
	`c${now.toString(16).padStart(11, '0')}${randomBytes(3).toString('hex')}`;
export const isConsoleId = (text: string): boolean => /^c[0-9a-f]{17}$/.test(text);
