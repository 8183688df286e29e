import { z } from 'zod';

/** On the card of a board that is started to be measured, and of no other: `meter.json`. */
export const meterOrder = z.strictObject({
	/** Who asks the proxy. */
	name: z.string(),
	password: z.string(),
	/** Milliseconds of each round. */
	roundTime: z.int().min(1),
});

const side = z.strictObject({ requestsPerSecond: z.number(), milliseconds: z.number() });
export type SideFigures = z.infer<typeof side>;

/** What a board tells of itself on its console, as one line behind `marker`. Sizes in bytes. */
export const boardFigures = z.strictObject({
	redfish: side,
	proxy: side,
	/** Resident memory of the proxy's process: after its start, after the load, and at most: while it checks a password. */
	residentAtStart: z.int(),
	residentAfterLoad: z.int(),
	residentAtMost: z.int(),
	/** Of the Redfish service, at most. */
	redfishResident: z.int(),
});
export type BoardFigures = z.infer<typeof boardFigures>;
export const marker = 'board-figures:';
