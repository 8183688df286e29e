import { collection, type JsonObject, link } from '../../redfish/json.ts';
import { type Device, timestamp } from '../device.ts';

/** A log service's own resource. */
export function logService(device: Device, uri: string, name: string, rest: JsonObject): JsonObject {
	return {
		'@odata.id': uri,
		'@odata.type': '#LogService.v1_2_0.LogService',
		Id: uri.split('/').at(-1) ?? '',
		Name: name,
		DateTime: timestamp(device.clock.now()),
		DateTimeLocalOffset: '+00:00',
		OverWritePolicy: 'WrapsWhenFull',
		Entries: link(`${uri}/Entries`),
		...rest,
	};
}

export function clearAction(uri: string): JsonObject {
	return { '#LogService.ClearLog': { target: `${uri}/Actions/LogService.ClearLog` } };
}

/** A collection of log entries, which bmcweb sends with its members in full. */
export function entryCollection(
	uri: string,
	name: string,
	description: string,
	entries: readonly JsonObject[],
): JsonObject {
	return {
		...collection(uri, 'LogEntryCollection', name, [], description),
		Members: [...entries],
		'Members@odata.count': entries.length,
	};
}
