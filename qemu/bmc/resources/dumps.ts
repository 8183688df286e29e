import type { JsonObject } from '../../redfish/json.ts';
import { accepted, done, notFound, plain } from '../../redfish/outcome.ts';
import { LOGIN, type Requirement } from '../../redfish/privileges.ts';
import { text } from '../../redfish/request-body.ts';
import { act, resource } from '../../redfish/route-kinds.ts';
import type { Call, Route } from '../../redfish/route-table.ts';
import { type Device, preciseTimestamp } from '../device.ts';
import { taskSummary } from '../tasks.ts';
import { clearAction, entryCollection, logService } from './log-service.ts';

/** Where dumps stand, and who may do what with them. */
export interface DumpPlace {
	readonly pattern: string;
	readonly uri: string;
	readonly kind: 'BMC' | 'System';
	readonly clear: Requirement;
	readonly collect: Requirement;
	inScope(call: Call): boolean;
}

const RETRY_AFTER = 30;

/** A dump log: CollectDiagnosticData makes a dump in a task, its attachment can be fetched. */
export function dumpRoutes(device: Device, place: DumpPlace): Route[] {
	const { pattern, uri, kind } = place;
	const type = kind === 'BMC' ? 'Manager' : 'OEM';
	const dumps = () => device.state.dumps.filter(dump => dump.originator.startsWith(`${kind}:`));
	const find = (call: Call) =>
		place.inScope(call) ? dumps().find(dump => String(dump.id) === call.params[1]) : undefined;
	const show = (dump: (typeof device.state.dumps)[number]): JsonObject => ({
		'@odata.id': `${uri}/Entries/${dump.id}`,
		'@odata.type': '#LogEntry.v1_11_0.LogEntry',
		Id: String(dump.id),
		Name: `${kind} Dump Entry`,
		EntryType: 'Event',
		Created: preciseTimestamp(dump.created),
		DiagnosticDataType: type,
		AdditionalDataSizeBytes: content(device, dump.id).length,
		AdditionalDataURI: `${uri}/Entries/${dump.id}/attachment`,
		Originator: dump.originator.slice(kind.length + 1),
		OriginatorType: 'Client',
	});
	return [
		...resource(
			pattern,
			call =>
				place.inScope(call)
					? logService(device, uri, 'Dump LogService', {
							Description: `${kind} Dump LogService`,
							Actions: {
								...clearAction(uri),
								'#LogService.CollectDiagnosticData': {
									target: `${uri}/Actions/LogService.CollectDiagnosticData`,
								},
							},
						})
					: undefined,
			{ volatile: true },
		),
		...resource(`${pattern}/Entries`, call =>
			place.inScope(call)
				? entryCollection(
						`${uri}/Entries`,
						`${kind} Dump Entries`,
						`Collection of ${kind} Dump Entries`,
						dumps().map(show),
					)
				: undefined,
		),
		...resource(
			`${pattern}/Entries/{}`,
			call => {
				const dump = find(call);
				return dump && show(dump);
			},
			{ type: 'LogEntry' },
		),
		{
			method: 'GET',
			pattern: `${pattern}/Entries/{}/attachment`,
			// Reading a dump needs no more than a log-in there, which is why a proxy must look closer.
			requirement: LOGIN,
			handle: call => {
				const dump = find(call);
				if (!dump) return notFound('LogEntry', call.params[1] ?? '');
				return plain('application/octet-stream', content(device, dump.id));
			},
		},
		act('DELETE', `${pattern}/Entries/{}`, place.clear, call => {
			const dump = find(call);
			if (!dump) return notFound('LogEntry', call.params[1] ?? '');
			device.state.dumps = device.state.dumps.filter(other => other !== dump);
			return done();
		}),
		act('POST', `${pattern}/Actions/LogService.ClearLog`, place.clear, call => {
			if (!place.inScope(call)) return notFound('LogService', call.params[0] ?? '');
			const gone = new Set(dumps());
			device.state.dumps = device.state.dumps.filter(dump => !gone.has(dump));
			return done();
		}),
		act('POST', `${pattern}/Actions/LogService.CollectDiagnosticData`, place.collect, call => {
			if (!place.inScope(call)) return notFound('LogService', call.params[0] ?? '');
			const read = call.values({ DiagnosticDataType: text, OEMDiagnosticDataType: text }, [
				'DiagnosticDataType',
			]);
			if (!read.ok) return read.outcome;
			const originator = `${kind}:${call.remoteAddress}`;
			const task = device.tasks.start(call, `${kind} dump`, () => {
				device.state.dumps.push({ id: device.state.nextDumpId++, created: device.clock.now(), originator });
			});
			return accepted(taskSummary(task), `/redfish/v1/TaskService/TaskMonitors/${task.id}`, RETRY_AFTER);
		}),
	];
}

/** Bytes that are no text, as those of a real dump. */
function content(device: Device, id: number): Buffer {
	const head = Buffer.from(`dump ${id} of ${device.name}\nserial ${device.identity.serial}\n`);
	const rest = Buffer.alloc(Math.max(0, device.dumpBytes - head.length));
	for (let i = 0; i < rest.length; i++) rest[i] = (i * 151 + id) % 256;
	return Buffer.concat([head, rest]);
}
