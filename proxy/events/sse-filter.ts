import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { filterErrors } from '../filter/errors.ts';
import { compileFilter } from '../filter/filter-expression.ts';
import { isObject, type JsonObject } from '../filter/resource-type.ts';
import type { View } from './event-message.ts';

/** What `$filter` may ask of an event (DSP0268, EventService.SSEFilterPropertiesSupported). */
export const sseFilterProperties = {
	EventFormatType: true,
	EventType: false,
	MessageId: true,
	MetricReportDefinition: true,
	OriginResource: true,
	RegistryPrefix: true,
	ResourceType: true,
	SubordinateResources: false,
} as const;

/** The view with what a subscriber wants to have of it; undefined when that is nothing. */
export type ViewFilter = (view: View) => View | undefined;

/**
 * Compiles the `$filter` of a stream (DSP0266, "Server-sent events"): asked of each record after masking, so that it
 * cannot be told from what comes, or does not come, what is hidden. Values may stand without quotation marks
 * (`EventFormatType eq Event`), as the specification's own examples have them.
 * @throws BimetalError `QueryParameterValueFormatError` (400)
 */
export function compileSseFilter(source: string): ViewFilter {
	const quoted = source.replace(
		/('(?:[^']|'')*')|\b(eq|ne)(\s+)([^\s'()]+)/g,
		(whole, text: string | undefined, sign: string, space: string, word: string) =>
			text === undefined ? `${sign}${space}'${word}'` : whole,
	);
	for (const [name] of quoted.replaceAll(/'(?:[^']|'')*'/g, "''").matchAll(/[A-Za-z_@#][\w@#./-]*/g)) {
		if (/^(?:and|or|not|eq|ne)$/.test(name)) continue;
		if (
			!Object.hasOwn(sseFilterProperties, name) ||
			!sseFilterProperties[name as keyof typeof sseFilterProperties]
		) {
			const known = Object.entries(sseFilterProperties).flatMap(([each, is]) => (is ? [each] : []));
			throw filterErrors.QueryParameterValueFormatError(
				`events cannot be filtered by ${name.slice(0, 40)}: use eq and ne with ${known.join(', ')}`,
			);
		}
	}
	const holds = compileFilter(quoted);
	return view => keepRecords(view, about => holds(about));
}

/** Keeps the records for which `test` holds of what a filter may ask about them. */
export function keepRecords(
	view: View,
	test: (about: JsonObject, record: JsonObject) => boolean,
): View | undefined {
	if (view.isGap) return view;
	if (view.kind === 'report') return test(aboutReport(view.body), view.body) ? view : undefined;
	const { Events } = view.body;
	const records = (Array.isArray(Events) ? (Events as readonly JsonValue[]) : []).filter(isObject);
	const kept = records.filter(record => test(aboutRecord(record), record));
	if (kept.length === records.length) return view;
	if (kept.length === 0) return undefined;
	const numbered = kept.map((record, index): JsonObject => ({ ...record, MemberId: String(index) }));
	return { ...view, body: { ...view.body, Events: numbered, 'Events@odata.count': numbered.length } };
}

function aboutReport(report: JsonObject): JsonObject {
	const definition = linkOf(report.MetricReportDefinition);
	return { EventFormatType: 'MetricReport', MetricReportDefinition: definition ?? null };
}

function aboutRecord(record: JsonObject): JsonObject {
	const id = typeof record.MessageId === 'string' ? record.MessageId : undefined;
	// `OpenBMC.0.5.PowerOn`: registry, version, key.
	const parts = id?.split('.') ?? [];
	const origin = linkOf(record.OriginOfCondition);
	return {
		EventFormatType: 'Event',
		MessageId: id === undefined ? null : [id, [parts[0], parts.at(-1)].join('.')],
		RegistryPrefix: parts[0] ?? null,
		OriginResource: origin ?? null,
		ResourceType: origin === undefined ? null : [...typesOf(origin)],
	};
}

function linkOf(value: JsonValue | undefined): string | undefined {
	const link = isObject(value) ? value['@odata.id'] : value;
	return typeof link === 'string' ? link : undefined;
}

const collections: Readonly<Record<string, string>> = {
	Systems: 'ComputerSystem',
	Chassis: 'Chassis',
	Managers: 'Manager',
	Entries: 'LogEntry',
	Tasks: 'Task',
	LogServices: 'LogService',
	Processors: 'Processor',
	Sensors: 'Sensor',
	Drives: 'Drive',
	Storage: 'Storage',
	Memory: 'Memory',
	EthernetInterfaces: 'EthernetInterface',
	Subscriptions: 'EventDestination',
	Certificates: 'Certificate',
	Accounts: 'ManagerAccount',
	Sessions: 'Session',
};

/** What kind of resource a path names, as far as paths of the data model tell (DSP0268). */
function* typesOf(path: string): Generator<string> {
	const segments = path.split('#')[0]?.split('/').filter(Boolean).slice(2) ?? [];
	const [last = '', above = ''] = [segments.at(-1), segments.at(-2)];
	yield collections[above] ?? last;
	if (Object.hasOwn(collections, last)) yield `${collections[last]}Collection`;
}
