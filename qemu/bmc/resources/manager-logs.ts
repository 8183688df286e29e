import { collection, type JsonObject } from '../../redfish/json.ts';
import { done, notFound } from '../../redfish/outcome.ts';
import { CONFIGURE_MANAGER } from '../../redfish/privileges.ts';
import { act, resource } from '../../redfish/route-kinds.ts';
import type { Route } from '../../redfish/route-table.ts';
import { type Device, preciseTimestamp } from '../device.ts';
import { dumpRoutes } from './dumps.ts';
import { clearAction, entryCollection, logService } from './log-service.ts';
import { isManager, MANAGER } from './managers.ts';

const M = '/redfish/v1/Managers/{}/LogServices';
const LOGS = `${MANAGER}/LogServices`;

export function managerLogRoutes(device: Device): Route[] {
	return [
		...resource(
			M,
			call =>
				isManager(call)
					? collection(
							LOGS,
							'LogServiceCollection',
							'Open BMC Log Services Collection',
							['Journal', 'Dump', 'FaultLog'],
							'Collection of LogServices for this Manager',
						)
					: undefined,
			{ type: 'Manager' },
		),
		...journalRoutes(device),
		...faultLogRoutes(device),
		...dumpRoutes(device, {
			pattern: `${M}/Dump`,
			uri: `${LOGS}/Dump`,
			kind: 'BMC',
			clear: CONFIGURE_MANAGER,
			collect: CONFIGURE_MANAGER,
			inScope: isManager,
		}),
	];
}

/** The BMC's own log repeats what the event log says: a side door to hidden entries that a filter must close. */
function journalRoutes(device: Device): Route[] {
	const uri = `${LOGS}/Journal`;
	const lines = () => [
		{ id: '0', at: device.startedAt, text: 'systemd: Started OpenBMC web server.' },
		...device.state.log.map(record => ({
			id: String(record.id),
			at: record.created,
			text: `phosphor-logging: ${record.messageId}: ${record.message}`,
		})),
	];
	const show = (line: ReturnType<typeof lines>[number]): JsonObject => ({
		'@odata.id': `${uri}/Entries/${line.id}`,
		'@odata.type': '#LogEntry.v1_9_0.LogEntry',
		Id: line.id,
		Name: 'BMC Journal Entry',
		EntryType: 'Oem',
		OemRecordFormat: 'BMC Journal Entry',
		Severity: 'OK',
		Created: preciseTimestamp(line.at),
		Message: line.text,
	});
	return [
		...resource(
			`${M}/Journal`,
			call =>
				isManager(call)
					? logService(device, uri, 'Open BMC Journal Log Service', {
							Description: 'BMC Journal Log Service',
						})
					: undefined,
			{ type: 'Manager', volatile: true },
		),
		...resource(
			`${M}/Journal/Entries`,
			call =>
				isManager(call)
					? entryCollection(
							`${uri}/Entries`,
							'Open BMC Journal Entries',
							'Collection of BMC Journal Entries',
							lines().map(show),
						)
					: undefined,
			{ type: 'Manager' },
		),
		...resource(
			`${M}/Journal/Entries/{}`,
			call => {
				const line = isManager(call) ? lines().find(candidate => candidate.id === call.params[1]) : undefined;
				return line && show(line);
			},
			{ type: 'LogEntry' },
		),
	];
}

function faultLogRoutes(device: Device): Route[] {
	const uri = `${LOGS}/FaultLog`;
	return [
		...resource(
			`${M}/FaultLog`,
			call =>
				isManager(call)
					? logService(device, uri, 'Dump LogService', {
							Description: 'FaultLog Dump LogService',
							OverWritePolicy: 'Unknown',
							Actions: clearAction(uri),
						})
					: undefined,
			{ type: 'Manager', volatile: true },
		),
		...resource(
			`${M}/FaultLog/Entries`,
			call =>
				isManager(call)
					? entryCollection(
							`${uri}/Entries`,
							'FaultLog Dump Entries',
							'Collection of FaultLog Dump Entries',
							[],
						)
					: undefined,
			{ type: 'Manager' },
		),
		act('POST', `${M}/FaultLog/Actions/LogService.ClearLog`, CONFIGURE_MANAGER, call =>
			isManager(call) ? done() : notFound('Manager', call.params[0] ?? ''),
		),
	];
}
