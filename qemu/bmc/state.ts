import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { type Account, type AccountSeed, createAccount, passwordFits } from '../redfish/accounts.ts';
import type { Json, JsonObject } from '../redfish/json.ts';
import { factoryRecords, type LogRecord } from './event-log.ts';

/** Everything that outlives a restart of the BMC. */
export interface BmcState {
	power: 'Off' | 'On';
	/** What was changed by PATCH: resource → property path → value. */
	settings: Record<string, Record<string, Json>>;
	accounts: Account[];
	log: LogRecord[];
	nextLogId: number;
	subscriptions: JsonObject[];
	/** PEM certificates by the collection that they stand in. */
	certificates: Record<string, { id: string; pem: string }[]>;
	reportDefinitions: JsonObject[];
	triggers: JsonObject[];
	dumps: { id: number; created: number; originator: string }[];
	nextDumpId: number;
	/** Versions by firmware inventory id. */
	firmware: Record<string, string>;
	/** How often `Manager.ResetToDefaults` was carried out. */
	resetsToDefaults: number;
	managerResets: number;
}

const json: z.ZodType<Json> = z.json() as z.ZodType<Json>;
const jsonObject = z.record(z.string(), json) as unknown as z.ZodType<JsonObject>;
const stateFile = z.object({
	power: z.enum(['Off', 'On']),
	settings: z.record(z.string(), z.record(z.string(), json)),
	accounts: z.array(
		z.object({
			name: z.string(),
			role: z.enum(['Administrator', 'Operator', 'ReadOnly']),
			enabled: z.boolean(),
			salt: z.string(),
			hash: z.string(),
		}),
	),
	log: z.array(
		z.object({
			id: z.number(),
			created: z.number(),
			modified: z.number(),
			severity: z.enum(['OK', 'Warning', 'Critical']),
			messageId: z.string(),
			message: z.string(),
			args: z.array(z.string()),
			resolved: z.boolean(),
			oem: jsonObject,
		}),
	),
	nextLogId: z.number(),
	subscriptions: z.array(jsonObject),
	certificates: z.record(z.string(), z.array(z.object({ id: z.string(), pem: z.string() }))),
	reportDefinitions: z.array(jsonObject),
	triggers: z.array(jsonObject),
	dumps: z.array(z.object({ id: z.number(), created: z.number(), originator: z.string() })),
	nextDumpId: z.number(),
	firmware: z.record(z.string(), z.string()),
	resetsToDefaults: z.number(),
	managerResets: z.number(),
});

/** A BMC as it leaves the factory, with the accounts that its owner gave it. */
export function factoryState(
	seeds: readonly AccountSeed[],
	serial: string,
	now: number,
	power: 'On' | 'Off',
): BmcState {
	const records = factoryRecords(serial);
	return {
		power,
		settings: {},
		accounts: seeds.map(createAccount),
		log: records.map((record, index) => {
			const created = now - (records.length - index) * 3_600_000;
			return {
				id: index + 1,
				created,
				modified: created,
				resolved: false,
				severity: record.severity,
				messageId: record.messageId,
				message: record.message,
				args: record.args ?? [],
				oem: record.oem ?? {},
			};
		}),
		nextLogId: records.length + 1,
		subscriptions: [],
		certificates: {},
		reportDefinitions: [],
		triggers: [],
		dumps: [],
		nextDumpId: 1,
		firmware: { bmc_active: '2.18.0', bios_active: '1.4.2' },
		resetsToDefaults: 0,
		managerResets: 0,
	};
}

/**
 * The kept state, or the factory's where there is none. Accounts that no longer have the owner's passwords
 * because the owner gave other ones are set anew.
 * @throws BimetalError BmcStateUnreadable
 */
export function loadState(
	file: string | undefined,
	seeds: readonly AccountSeed[],
	serial: string,
	now: number,
	power: 'On' | 'Off',
): BmcState {
	const text = file === undefined ? undefined : readIfThere(file);
	if (text === undefined) return factoryState(seeds, serial, now, power);
	let state: BmcState;
	try {
		state = stateFile.parse(JSON.parse(text));
	} catch (cause) {
		throw new BimetalError(
			'BmcStateUnreadable',
			`${file} is no state of an emulated BMC; delete it to start anew`,
			{
				cause,
			},
		);
	}
	if (
		!seeds.every(seed =>
			state.accounts.some(kept => kept.name === seed.name && passwordFits(kept, seed.password)),
		)
	) {
		state.accounts = seeds.map(createAccount);
	}
	return state;
}

function readIfThere(file: string): string | undefined {
	try {
		return readFileSync(file, 'utf8');
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
		throw error;
	}
}

/** Replaces the file in one step: a reader sees the old state or the new one. */
export function saveState(file: string, state: BmcState): void {
	const temporary = `${file}.${randomUUID()}`;
	writeFileSync(temporary, JSON.stringify(state), { mode: 0o600 });
	renameSync(temporary, file);
}
