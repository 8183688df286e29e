import type { Json, JsonObject } from '../redfish/json.ts';

export type Severity = 'OK' | 'Warning' | 'Critical';

/** One entry of the system's event log, as it is kept. Times are milliseconds since the epoch. */
export interface LogRecord {
	readonly id: number;
	readonly created: number;
	readonly modified: number;
	readonly severity: Severity;
	readonly messageId: string;
	readonly message: string;
	readonly args: readonly string[];
	readonly resolved: boolean;
	readonly oem: JsonObject;
}

export type NewRecord = Pick<LogRecord, 'severity' | 'messageId' | 'message'> & {
	readonly args?: readonly string[];
	readonly oem?: JsonObject;
};

// The log wraps: its policy is WrapsWhenFull.
const MAX_RECORDS = 1000;

/** Adds a record, dropping the oldest one when the log is full. Returns it. */
export function appendRecord(log: LogRecord[], id: number, now: number, record: NewRecord): LogRecord {
	const full: LogRecord = {
		id,
		created: now,
		modified: now,
		resolved: false,
		args: record.args ?? [],
		severity: record.severity,
		messageId: record.messageId,
		message: record.message,
		oem: record.oem ?? oem('host', 'platform'),
	};
	log.push(full);
	if (log.length > MAX_RECORDS) log.splice(0, log.length - MAX_RECORDS);
	return full;
}

/** What the platform adds of its own: where the event came from, in words that name the tenant's hardware. */
export function oem(subsystem: string, detail: string, extra: Record<string, Json> = {}): JsonObject {
	return { OpenBMC: { Subsystem: subsystem, Detail: detail, ...extra } };
}

/** A rack server's usual first days: a dozen entries of every severity. */
export function factoryRecords(serial: string): readonly NewRecord[] {
	return [
		record(
			'OK',
			'PowerSupplyInserted',
			'Power supply 0 was inserted.',
			['0'],
			oem('power', `PSU ${serial}-P0`),
		),
		record(
			'OK',
			'PowerSupplyInserted',
			'Power supply 1 was inserted.',
			['1'],
			oem('power', `PSU ${serial}-P1`),
		),
		record('OK', 'BMCFirmwareStarted', 'The BMC firmware started.', [], oem('bmc', 'cold start')),
		record('OK', 'PowerButtonPressed', 'The power button was pressed.', [], oem('chassis', 'front panel')),
		record(
			'Warning',
			'FanSpeedLow',
			'Fan fan1 turns slower than its lower limit.',
			['fan1'],
			oem('thermal', 'fan1', { RPM: 2900 }),
		),
		record(
			'OK',
			'FanSpeedNormal',
			'Fan fan1 turns at its usual speed again.',
			['fan1'],
			oem('thermal', 'fan1', { RPM: 5100 }),
		),
		record(
			'Critical',
			'MemoryUncorrectableError',
			'An error that cannot be corrected occurred in dimm2.',
			['dimm2'],
			oem('memory', 'channel 2, rank 0', { Address: '0x3f2a81c0' }),
		),
		record(
			'Warning',
			'MemoryCorrectableError',
			'Corrected errors in dimm3 passed their limit.',
			['dimm3'],
			oem('memory', 'channel 3, rank 1', { Count: 64 }),
		),
		record(
			'Critical',
			'ProcessorThermalTrip',
			'Processor cpu1 passed its critical temperature.',
			['cpu1'],
			oem('processor', 'package 1', { Celsius: 104 }),
		),
		record(
			'Warning',
			'PowerSupplyInputLow',
			'The input voltage of power supply 1 is low.',
			['1'],
			oem('power', 'feed B', { Volts: 198 }),
		),
		record(
			'Critical',
			'DriveFailed',
			'Drive 0 reported that it failed.',
			['0'],
			oem('storage', 'bay 0', { Smart: 'reallocated sectors' }),
		),
		record(
			'OK',
			'SystemInventoryChanged',
			'The inventory of the system changed.',
			[],
			oem('inventory', `system ${serial}`),
		),
	];
}

function record(
	severity: Severity,
	id: string,
	message: string,
	args: readonly string[],
	oemPart: JsonObject,
): NewRecord {
	return { severity, messageId: `OpenBMC.0.5.${id}`, message, args, oem: oemPart };
}
