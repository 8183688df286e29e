import type { Clock } from '../../common/clock.ts';
import type { AccountSeed } from '../redfish/accounts.ts';
import { isObject, type Json, type JsonObject, setMember } from '../redfish/json.ts';
import type { Values } from '../redfish/request-body.ts';
import type { Sessions } from '../redfish/sessions.ts';
import type { LogRecord, NewRecord } from './event-log.ts';
import type { EventStream } from './event-stream.ts';
import type { Host, Identity } from './host.ts';
import type { BmcState } from './state.ts';
import type { Tasks } from './tasks.ts';

/** One BMC with its server, as the resource files see it. */
export interface Device {
	readonly name: string;
	readonly identity: Identity;
	readonly clock: Clock;
	readonly state: BmcState;
	readonly sessions: Sessions;
	readonly host: Host;
	readonly tasks: Tasks;
	readonly stream: EventStream;
	/** The headers with which events are pushed to a subscription, by its id. */
	readonly pushHeaders: Map<string, Readonly<Record<string, string>>>;
	readonly startedAt: number;
	readonly seeds: readonly AccountSeed[];
	/** The certificate that HTTPS shows, in PEM, where there is one. */
	readonly httpsCertificate: string | undefined;
	/** Bytes of the largest image that it takes. */
	readonly maxImageBytes: number;
	/** Milliseconds that a wrong password waits. */
	/** How large a dump is. */
	readonly dumpBytes: number;
	/** DELETE of a task cancels it; bmcweb does not offer that. */
	readonly hasCancellableTasks: boolean;
	readonly failedLoginDelayMs: number;
	/** It knows query parameters. */
	readonly hasQuery: boolean;
	/** Something that a resource shows has changed. */
	touch(): void;
	/** Adds to the event log and tells those who listen. */
	report(record: NewRecord): LogRecord;
	/** The BMC has restarted: open WebSockets end. */
	restarted(): void;
	/** Accounts, settings, log and certificates as they left the factory. */
	resetToDefaults(): void;
}

/** A resource as it left the factory, with what was changed since. */
export function withSettings(device: Device, base: JsonObject): JsonObject {
	const changed = device.state.settings[String(base['@odata.id'])];
	if (!changed) return base;
	const result = { ...base };
	for (const [path, value] of Object.entries(changed)) setPath(result, path.split('/'), value);
	return result;
}

function setPath(target: JsonObject, [name = '', ...rest]: readonly string[], value: Json): void {
	if (rest.length === 0) {
		setMember(target, name, value);
		return;
	}
	const inner: JsonObject = isObject(target[name]) ? { ...target[name] } : {};
	setMember(target, name, inner);
	setPath(inner, rest, value);
}

/** Keeps what a PATCH asked for. */
export function changeSettings(device: Device, uri: string, values: Values): void {
	device.state.settings[uri] = { ...device.state.settings[uri], ...Object.fromEntries(values) };
	device.touch();
}

export function setting(device: Device, uri: string, path: string): Json | undefined {
	return device.state.settings[uri]?.[path];
}

/** A time as bmcweb writes it: seconds, and the offset in full. */
export function timestamp(ms: number): string {
	return new Date(ms).toISOString().replace(/\.\d+Z$/, '+00:00');
}

/** With microseconds, as log entries have it. */
export function preciseTimestamp(ms: number): string {
	return new Date(ms).toISOString().replace('Z', '000+00:00');
}
