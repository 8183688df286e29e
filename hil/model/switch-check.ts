import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { moment } from './label.ts';

/** Whatever number a switch says. */
const portState = z.strictObject({ native: z.int().nullable(), tagged: z.array(z.int()) });
const driftedPort = z.strictObject({
	port: z.string(),
	/** `node/nic`; null when nothing is plugged in. */
	nic: z.string().nullable(),
	recorded: portState,
	/** What the switch said; null when it did not say. */
	found: portState.nullable(),
	/** It was put right, and looked at again. */
	repaired: z.boolean(),
	/** Why it could not be read or put right. */
	error: z.string().nullable(),
});
/** A port that does not carry what is recorded, or that nobody can look at. */
export type DriftedPort = z.output<typeof driftedPort>;

const switchCheck = z.strictObject({
	startedAt: moment,
	endedAt: moment,
	/** How many ports were looked at; those that were just being changed are not among them. */
	ports: z.int().min(0),
	drifted: z.array(driftedPort),
});
/** What came of the last time that all ports of a switch were compared with what is recorded. */
export type SwitchCheck = z.output<typeof switchCheck>;
/** By the switch's name. */
export const switchChecks = defineCollection('switch-checks', switchCheck);
