import { z } from 'zod';

const operator = z.strictObject({ name: z.string(), party: z.string() });

export const consoleView = z.strictObject({
	id: z.string(),
	state: z.enum(['open', 'ended']),
	bmc: z.string(),
	/** Path of the console on its BMC, for instance `/console0`. */
	path: z.string(),
	kind: z.enum(['serial', 'kvm', 'media']),
	operator,
	/** Parties that have agreed to it, by an operator or by a policy: they may watch it and end it. */
	consent: z.array(z.string()),
	/** Operators besides its own who authorized it. */
	approvedBy: z.array(operator),
	clause: z.string(),
	/** The request that waited for others; null when it needed nobody else. */
	requestId: z.string().nullable(),
	breakGlass: z.string().nullable(),
	openedAt: z.iso.datetime(),
	ended: z.strictObject({ by: operator.nullable(), reason: z.string(), at: z.iso.datetime() }).nullable(),
	/** Bytes from the operator to the BMC, and from the BMC. */
	bytesIn: z.int(),
	bytesOut: z.int(),
	/** Who looks on now. */
	watchers: z.int(),
	/** Where this session can be watched, as a WebSocket; null when it cannot be. */
	watch: z.string().nullable(),
	/** What was kept of it, once it has ended; the file stays with the proxy. */
	transcript: z.strictObject({ sha256: z.string(), bytes: z.int(), complete: z.boolean() }).nullable(),
});
export type ConsoleView = z.infer<typeof consoleView>;

export const consoleList = z.strictObject({ consoles: z.array(consoleView) });
export const consoleQuery = z.strictObject({ state: z.enum(['open', 'ended']).optional() });
export const endConsoleBody = z.strictObject({ reason: z.string().min(1).max(200) });
