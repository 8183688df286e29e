import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { isObject, type JsonObject } from '../filter/resource-type.ts';

/** What a BMC sent as one event, as far as it is one that can be filtered. */
export type EventMessage =
	| {
			readonly kind: 'event';
			/** The Event without its records. */
			readonly envelope: JsonObject;
			readonly records: readonly JsonObject[];
	  }
	/** A metric report, sent whole instead of an Event (DSP0266, "Metric reports"). */
	| { readonly kind: 'report'; readonly report: JsonObject; readonly path: string };

/** Records of one event; bmcweb sends one or a few. */
const mostRecords = 1000;
export const reportPath = /^\/redfish\/v1\/TelemetryService\/MetricReports\/[\w.~-]{1,128}$/;

/** Reads the `data` of a server-sent event; undefined for what is neither an Event nor a metric report. */
export function readEventMessage(data: string): EventMessage | undefined {
	let json: JsonValue;
	try {
		json = JSON.parse(data) as JsonValue;
	} catch {
		return undefined;
	}
	if (!isObject(json)) return undefined;
	const schema = schemaOf(json);
	if (schema === 'Event') {
		const { Events: records, ...envelope } = json;
		if (!Array.isArray(records) || records.length > mostRecords || !records.every(isObject)) return undefined;
		return { kind: 'event', envelope, records };
	}
	const path = json['@odata.id'];
	if (schema === 'MetricReport' && typeof path === 'string' && reportPath.test(path)) {
		return { kind: 'report', report: json, path };
	}
	return undefined;
}

function schemaOf(json: JsonObject): string | undefined {
	const type = json['@odata.type'];
	return typeof type === 'string'
		? /^#(Event|MetricReport)(?:\.v\d+_\d+_\d+)?\.\1$/.exec(type)?.[1]
		: undefined;
}

/** An event as one operator is shown it. */
export interface View {
	readonly kind: 'event' | 'report';
	/** Of the operator's own numbering: the BMC's would tell how many others there were. */
	readonly id: string;
	readonly body: JsonObject;
	/** Shown whatever a subscriber filters: it says that what the filter saw was not all. */
	readonly isGap?: true;
}

export function eventView(id: string, envelope: JsonObject, records: readonly JsonObject[]): View {
	const numbered = records.map((record, index): JsonObject => ({ ...record, MemberId: String(index) }));
	const { 'Events@odata.count': _count, ...rest } = envelope;
	return {
		kind: 'event',
		id,
		body: { ...rest, Id: id, Events: numbered, 'Events@odata.count': numbered.length },
	};
}

export function reportView(id: string, report: JsonObject): View {
	return { kind: 'report', id, body: report };
}

/** Tells that events may have been missed; times in milliseconds since the epoch. */
export function gapView(
	id: string,
	gap: { readonly bmc: string; readonly since: number | undefined; readonly until: number },
): View {
	const until = new Date(gap.until).toISOString();
	const since = gap.since === undefined ? undefined : new Date(gap.since).toISOString();
	const span = since === undefined ? `before ${until}` : `between ${since} and ${until}`;
	const view = proxyEvent(id, 'Events missed', {
		EventTimestamp: until,
		MessageId: 'Bimetal.1.0.EventsMissed',
		Message: `Events of ${gap.bmc} ${span} may have been missed.`,
		MessageArgs: [gap.bmc, since ?? '', until],
		MessageSeverity: 'Warning',
		Severity: 'Warning',
		Resolution: 'Read the event log for what happened in that time.',
	});
	return { ...view, isGap: true };
}

/** An event of the proxy's own making. */
function proxyEvent(id: string, name: string, record: JsonObject): View {
	const envelope = { '@odata.type': '#Event.v1_7_0.Event', Name: name };
	return eventView(id, envelope, [{ EventType: 'Other', EventId: `proxy-${id}`, ...record }]);
}
