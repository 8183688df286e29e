import { z } from 'zod';
import type { SwitchHealth } from '../core/switch-health.ts';
import { stages } from '../model/departure.ts';
import type { ContactState } from '../network/contact.ts';

export const me = z.strictObject({ name: z.string(), is_admin: z.boolean(), projects: z.array(z.string()) });

export const foundNodes = z.strictObject({
	nodes: z.array(
		z.strictObject({
			name: z.string(),
			project: z.string().nullable(),
			properties: z.record(z.string(), z.unknown()),
		}),
	),
	next: z.string().nullable(),
});

export const pending = z.strictObject({
	pending: z.array(
		z.strictObject({
			id: z.string(),
			type: z.string(),
			nic: z.string().nullable(),
			network: z.string().nullable(),
			waits_for: z.string().nullable(),
			attempts: z.int(),
			error: z.string().nullable(),
			asked_at: z.string(),
		}),
	),
});

const carried = {
	networks: z.array(z.strictObject({ network: z.string(), channel: z.string(), vlan: z.int() })),
	pending: z.boolean(),
};
const place = z.string().nullable().optional();
export const topology = z.strictObject({
	nodes: z.array(
		z.strictObject({
			name: z.string(),
			project: z.string().nullable(),
			nics: z.array(
				z.strictObject({ label: z.string(), macaddr: z.string(), switch: place, port: place, ...carried }),
			),
		}),
	),
	next: z.string().nullable(),
});
export const ports = z.strictObject({
	ports: z.array(
		z.strictObject({
			port: z.string(),
			node: z.string().nullable(),
			nic: z.string().nullable(),
			project: z.string().nullable(),
			...carried,
		}),
	),
	next: z.string().nullable(),
});

const portState = z.strictObject({ native: z.int().nullable(), tagged: z.array(z.int()) });
const most = z.int().nullable();
export const project = z.strictObject({
	name: z.string(),
	quota: z.strictObject({ nodes: most, networks: most }),
	nodes: z.int(),
	networks: z.int(),
	managed: z.array(z.string()),
	leases: z.record(z.string(), z.string()),
});

const driftedPort = z.strictObject({
	port: z.string(),
	nic: z.string().nullable(),
	recorded: portState,
	found: portState.nullable(),
	repaired: z.boolean(),
	error: z.string().nullable(),
});
export const drift = z.strictObject({ ports: z.array(driftedPort) });

const switchState = z.strictObject({
	name: z.string(),
	type: z.string(),
	/** Null: nothing was asked of it since the service began. */
	reachable: z.boolean().nullable(),
	since: z.string().nullable(),
	queued: z.int(),
	last_error: z.strictObject({ at: z.string(), message: z.string() }).nullable(),
	last_check: z
		.strictObject({ at: z.string(), ports: z.int(), drifted: z.int(), repaired: z.int() })
		.nullable(),
});
export const switches = z.strictObject({ switches: z.array(switchState) });
export const switchWithDrift = switchState.extend({ drifted: z.array(driftedPort) });

const iso = (moment: number): string => new Date(moment).toISOString();

/** What is recorded of a switch, and how it was met with, as one answer. */
export function switchOf(
	{ name, type, queued, check }: SwitchHealth,
	{ reachable, since, lastError }: ContactState,
): z.output<typeof switchState> {
	return {
		name,
		type,
		reachable,
		since: since === null ? null : iso(since),
		queued,
		last_error: lastError && { at: iso(lastError.at), message: lastError.message },
		last_check: check
			? {
					at: iso(check.endedAt),
					ports: check.ports,
					drifted: check.drifted.length,
					repaired: check.drifted.filter(({ repaired }) => repaired).length,
				}
			: null,
	};
}

export const change = z.strictObject({
	dry_run: z.boolean(),
	/** For `/v1/change/ID`; null when there is no port to be changed. */
	id: z.string().nullable(),
	ports: z.array(
		z.strictObject({
			node: z.string(),
			nic: z.string(),
			switch: z.string().optional(),
			port: z.string().optional(),
			before: portState,
			after: portState,
		}),
	),
	actions: z.array(z.string()),
});

export const changeState = z.strictObject({
	status: z.enum(['PENDING', 'DONE', 'UNDOING', 'UNDONE', 'ERROR']),
	actions: z.array(z.string()),
	error: z.string().nullable(),
	problems: z.array(z.string()),
});

export const departure = z.strictObject({
	status: z.enum(['PENDING', 'DONE', 'ERROR']),
	node: z.string(),
	project: z.string(),
	stage: z.enum(stages),
	/** Whose word it needs to go on; null when it is nobody's. */
	waits_for: z.string().nullable(),
	attempts: z.int(),
	error: z.string().nullable(),
});

export const action = z.strictObject({
	status: z.enum(['PENDING', 'DONE', 'ERROR']),
	node: z.string(),
	nic: z.string(),
	type: z.string(),
	channel: z.string(),
	new_network: z.string().nullable(),
	attempts: z.int(),
	error: z.string().nullable(),
	asked_at: z.string(),
	ended_at: z.string().nullable(),
});
