import { collection, type JsonObject, link } from '../../redfish/json.ts';
import { done, notFound, type Outcome } from '../../redfish/outcome.ts';
import { CONFIGURE_COMPONENTS, CONFIGURE_MANAGER } from '../../redfish/privileges.ts';
import { flag } from '../../redfish/request-body.ts';
import { act, resource } from '../../redfish/route-kinds.ts';
import type { Call, Route } from '../../redfish/route-table.ts';
import { type Device, preciseTimestamp } from '../device.ts';
import type { LogRecord } from '../event-log.ts';
import { dumpRoutes } from './dumps.ts';
import { clearAction, entryCollection, logService } from './log-service.ts';
import { isSystem, SYSTEM } from './systems.ts';

const S = '/redfish/v1/Systems/{}/LogServices';
const LOGS = `${SYSTEM}/LogServices`;
const ENTRIES = `${LOGS}/EventLog/Entries`;

export function systemLogRoutes(device: Device): Route[] {
	const services = ['EventLog', 'Dump', 'HostLogger', 'PostCodes'];
	return [
		...resource(
			S,
			call =>
				isSystem(call)
					? collection(
							LOGS,
							'LogServiceCollection',
							'System Log Services Collection',
							services,
							'Collection of LogServices for this Computer System',
						)
					: undefined,
			{ type: 'ComputerSystem' },
		),
		...eventLogRoutes(device),
		...hostLoggerRoutes(device),
		...postCodeRoutes(device),
		...dumpRoutes(device, {
			pattern: `${S}/Dump`,
			uri: `${LOGS}/Dump`,
			kind: 'System',
			clear: CONFIGURE_COMPONENTS,
			collect: CONFIGURE_COMPONENTS,
			inScope: isSystem,
		}),
	];
}

function eventLogRoutes(device: Device): Route[] {
	const uri = `${LOGS}/EventLog`;
	const find = (call: Call): LogRecord | undefined =>
		isSystem(call) ? device.state.log.find(record => String(record.id) === call.params[1]) : undefined;
	const missing = (call: Call): Outcome => notFound('LogEntry', call.params.at(-1) ?? '');
	return [
		...resource(
			`${S}/EventLog`,
			call =>
				isSystem(call)
					? logService(device, uri, 'Event Log Service', {
							Description: 'System Event Log Service',
							Actions: clearAction(uri),
						})
					: undefined,
			{ type: 'ComputerSystem', volatile: true },
		),
		...resource(
			`${S}/EventLog/Entries`,
			call =>
				isSystem(call)
					? entryCollection(
							ENTRIES,
							'System Event Log Entries',
							'Collection of System Event Log Entries',
							device.state.log.map(showRecord),
						)
					: undefined,
			{ type: 'ComputerSystem' },
		),
		...resource(
			`${S}/EventLog/Entries/{}`,
			call => {
				const record = find(call);
				return record && showRecord(record);
			},
			{ type: 'LogEntry' },
		),
		act('PATCH', `${S}/EventLog/Entries/{}`, CONFIGURE_MANAGER, call => {
			const record = find(call);
			if (!record) return missing(call);
			const read = call.values({ Resolved: flag }, ['Resolved']);
			if (!read.ok) return read.outcome;
			const resolved = read.value.get('Resolved') === true;
			const modified = device.clock.now();
			device.state.log = device.state.log.map(other =>
				other.id === record.id ? { ...record, resolved, modified } : other,
			);
			return done();
		}),
		act('DELETE', `${S}/EventLog/Entries/{}`, CONFIGURE_COMPONENTS, call => {
			const record = find(call);
			if (!record) return missing(call);
			device.state.log = device.state.log.filter(other => other.id !== record.id);
			return done();
		}),
		act('POST', `${S}/EventLog/Actions/LogService.ClearLog`, CONFIGURE_COMPONENTS, call => {
			if (!isSystem(call)) return notFound('ComputerSystem', call.params[0] ?? '');
			device.state.log = [];
			return done();
		}),
	];
}

function showRecord(record: LogRecord): JsonObject {
	return {
		'@odata.id': `${ENTRIES}/${record.id}`,
		'@odata.type': '#LogEntry.v1_9_0.LogEntry',
		Id: String(record.id),
		Name: 'System Event Log Entry',
		EntryType: 'Event',
		Severity: record.severity,
		Created: preciseTimestamp(record.created),
		Modified: preciseTimestamp(record.modified),
		Message: record.message,
		MessageId: record.messageId,
		MessageArgs: [...record.args],
		Resolved: record.resolved,
		OemRecordFormat: 'OpenBMC event',
		Oem: record.oem,
	};
}

function hostLoggerRoutes(device: Device): Route[] {
	const uri = `${LOGS}/HostLogger`;
	const show = (line: string, index: number): JsonObject => ({
		'@odata.id': `${uri}/Entries/${index}`,
		'@odata.type': '#LogEntry.v1_9_0.LogEntry',
		Id: String(index),
		Name: 'Host Logger Entry',
		EntryType: 'Oem',
		OemRecordFormat: 'Host Logger Entry',
		Severity: 'OK',
		Message: line,
	});
	return [
		...resource(
			`${S}/HostLogger`,
			call =>
				isSystem(call)
					? {
							'@odata.id': uri,
							'@odata.type': '#LogService.v1_2_0.LogService',
							Id: 'HostLogger',
							Name: 'Host Logger Service',
							Description: 'Host Logger Service',
							Entries: link(`${uri}/Entries`),
						}
					: undefined,
			{ type: 'ComputerSystem' },
		),
		...resource(
			`${S}/HostLogger/Entries`,
			call =>
				isSystem(call)
					? entryCollection(
							`${uri}/Entries`,
							'HostLogger Entries',
							'Collection of HostLogger Entries',
							device.host.serial.lines().map(show),
						)
					: undefined,
			{ type: 'ComputerSystem' },
		),
		...resource(
			`${S}/HostLogger/Entries/{}`,
			call => {
				const lines = device.host.serial.lines();
				const index = /^\d{1,4}$/.test(call.params[1] ?? '') ? Number(call.params[1]) : -1;
				const line = lines[index];
				return isSystem(call) && line !== undefined ? show(line, index) : undefined;
			},
			{ type: 'LogEntry' },
		),
	];
}

// Codes that the firmware writes to port 80 on its way through POST.
const POST_CODES = [0x01, 0x02, 0x15, 0x32, 0x4f, 0x60, 0x92, 0xa0, 0xad];

function postCodeRoutes(device: Device): Route[] {
	const uri = `${LOGS}/PostCodes`;
	const codes = (): readonly number[] => {
		if (device.state.settings[uri]?.cleared === device.host.power.changedAt()) return [];
		return device.host.power.state().kind === 'Off' ? [] : POST_CODES;
	};
	const show = (code: number, index: number): JsonObject => {
		const hex = `0x${code.toString(16).padStart(2, '0')}`;
		return {
			'@odata.id': `${uri}/Entries/B1-${index + 1}`,
			'@odata.type': '#LogEntry.v1_9_0.LogEntry',
			Id: `B1-${index + 1}`,
			Name: 'POST Code Log Entry',
			EntryType: 'Event',
			Severity: 'OK',
			Created: preciseTimestamp(device.host.power.changedAt() + index),
			Message: `Boot Count: 1; Time Stamp Offset: 0.${String(index).padStart(4, '0')} seconds; POST Code: ${hex}`,
			MessageId: 'OpenBMC.0.5.BIOSPOSTCode',
			MessageArgs: ['1', `0.${String(index).padStart(4, '0')}`, hex],
		};
	};
	return [
		...resource(
			`${S}/PostCodes`,
			call =>
				isSystem(call)
					? logService(device, uri, 'POST Code Log Service', {
							Description: 'POST Code Log Service',
							Actions: clearAction(uri),
						})
					: undefined,
			{ type: 'ComputerSystem', volatile: true },
		),
		...resource(
			`${S}/PostCodes/Entries`,
			call =>
				isSystem(call)
					? entryCollection(
							`${uri}/Entries`,
							'BIOS POST Code Log Entries',
							'Collection of POST Code Log Entries',
							codes().map(show),
						)
					: undefined,
			{ type: 'ComputerSystem' },
		),
		...resource(
			`${S}/PostCodes/Entries/{}`,
			call => {
				const index = Number(/^B1-(\d{1,3})$/.exec(call.params[1] ?? '')?.[1] ?? 0) - 1;
				const code = codes()[index];
				return isSystem(call) && code !== undefined ? show(code, index) : undefined;
			},
			{ type: 'LogEntry' },
		),
		act('POST', `${S}/PostCodes/Actions/LogService.ClearLog`, CONFIGURE_COMPONENTS, call => {
			if (!isSystem(call)) return notFound('ComputerSystem', call.params[0] ?? '');
			device.state.settings[uri] = { cleared: device.host.power.changedAt() };
			return done();
		}),
	];
}
