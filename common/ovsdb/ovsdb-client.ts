import type { Socket } from 'node:net';
import { z } from 'zod';
import { type Clock, systemClock } from '../clock.ts';
import { BimetalError } from '../errors/bimetal-error.ts';
import { speakJsonRpc, switchRefused, switchSilent } from './json-rpc.ts';

/** One step of a transaction (RFC 7047 section 5.2). */
export interface Operation {
	readonly op: 'insert' | 'select' | 'update' | 'mutate' | 'delete' | 'wait' | 'commit';
	/** Absent from `commit` alone. */
	readonly table?: string;
	readonly [member: string]: unknown;
}

/** The database of an Open vSwitch, over its socket. */
export interface Ovsdb {
	/**
	 * Carries out all operations or none, and gives the result of each.
	 * Throws SwitchRefused with the database's own words; SwitchChanged when a `wait` found something else than it waited
	 * for; SwitchSilent, SwitchGone.
	 */
	transact(operations: readonly Operation[]): Promise<readonly unknown[]>;
	/** Resolves once the switch has taken over configuration `number` or a later one. Throws SwitchSilent, SwitchGone. */
	takenOver(number: number): Promise<void>;
	/** Why it is of no use any more; undefined while it is connected. */
	fault(): BimetalError | undefined;
	close(): void;
}

const database = 'Open_vSwitch';
/** Milliseconds for the switch to take over a configuration. */
const patience = 10_000;

const progress = z.object({
	Open_vSwitch: z
		.record(z.string(), z.object({ new: z.object({ cur_cfg: z.int().optional() }).optional() }))
		.optional(),
});
const operationError = z.object({ error: z.string(), details: z.string().optional() });

/** Speaks with the database over a connected socket, which is its own from then on. Throws as `transact`. */
export async function speakOvsdb(socket: Socket, clock: Clock = systemClock): Promise<Ovsdb> {
	const waiting = new Set<() => void>();
	let current = 0;
	const advance = (tables: unknown): void => {
		for (const row of Object.values(progress.parse(tables).Open_vSwitch ?? {})) {
			current = Math.max(current, row.new?.cur_cfg ?? 0);
		}
		for (const look of waiting) look();
	};
	const rpc = speakJsonRpc(
		socket,
		(method, params) => {
			if (method === 'update') advance(params[1]);
		},
		clock,
	);
	void rpc.closed.then(() => {
		for (const look of waiting) look();
	});
	// From now on the number of the configuration in force is told by itself (section 4.1.5).
	const columns = { Open_vSwitch: [{ columns: ['cur_cfg'] }] };
	advance(await rpc.ask('monitor', [database, null, columns]));

	return {
		async transact(operations) {
			const results = z.array(z.unknown()).parse(await rpc.ask('transact', [database, ...operations]));
			for (const result of results) {
				const failed = operationError.safeParse(result);
				if (!failed.success) continue;
				const { error, details } = failed.data;
				// Section 5.2.6: what was waited for has not come true in time.
				if (error === 'timed out')
					throw new BimetalError(
						'SwitchChanged',
						'the switch is not as it was looked at: somebody else changed it',
					);
				throw switchRefused(details === undefined ? error : `${details} (${error})`);
			}
			// Fewer results than operations would be an operation that was not carried out (section 4.1.3).
			if (results.length !== operations.length) throw switchRefused(`${results.length} results`);
			return results;
		},
		takenOver(number) {
			return new Promise((resolve, reject) => {
				const look = (): void => {
					const fault = rpc.fault();
					if (current < number && !fault) return;
					cancel();
					waiting.delete(look);
					if (current < number) reject(fault);
					else resolve();
				};
				const cancel = clock.after(patience, () => {
					waiting.delete(look);
					reject(switchSilent(`configuration ${number} is not in force within ${patience / 1000} s`));
				});
				waiting.add(look);
				look();
			});
		},
		fault: rpc.fault,
		close: rpc.close,
	};
}
