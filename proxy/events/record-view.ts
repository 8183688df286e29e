import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { filterAnswer } from '../filter/filter-answer.ts';
import { isObject, type JsonObject } from '../filter/resource-type.ts';
import type { Posts } from '../forward/perform.ts';

/** A resource that a record names and that its reader would be shown. */
export interface NamedResource {
	/** As the BMC shows it, and as the reader would be shown it. */
	readonly whole: JsonValue;
	readonly seen: JsonValue;
}

/** A record with all that is known of it, for one reader. */
export interface RecordInput {
	readonly envelope: JsonObject;
	readonly record: JsonObject;
	/** The post-policies under which the reader follows events. */
	readonly posts: Posts;
	/** Those under which the reader would read the log that the record stands in, and its entry there, if named. */
	readonly log: { readonly posts: Posts; readonly entry: JsonObject | undefined };
	readonly named: readonly NamedResource[];
}

export interface RecordView {
	readonly envelope: JsonObject;
	readonly record: JsonObject;
}

/**
 * A record as one reader is shown it; undefined when it is hidden, or nobody can say that it is not. Three things are
 * asked of it: what is written for events (`EventRecord`, `Event`); what is written for log entries, since it is the
 * same event (bypasses: side collections); and that no value is in it that is hidden in a resource that it names.
 */
export function viewRecord({ envelope, record, posts, log, named }: RecordInput): RecordView | undefined {
	const filtered = filterAnswer({ answer: { ...envelope, Events: [record] }, posts });
	if (filtered.hidden || filtered.unresolved.length > 0 || !isObject(filtered.answer)) return undefined;
	const { Events: left, Name, '@odata.type': type } = filtered.answer;
	const [shown] = Array.isArray(left) ? (left as readonly JsonValue[]) : [];
	if (!isObject(shown) || typeof type !== 'string') return undefined;
	const asLogged = viewAsLogEntry(record, shown, log);
	if (!asLogged) return undefined;
	const hidden = named.flatMap(hiddenValues);
	// What else stands in the envelope may be about its other records.
	const shownEnvelope: JsonObject = { '@odata.type': type, ...(Name !== undefined && { Name }) };
	if (hidden.length === 0) return { envelope: shownEnvelope, record: asLogged };
	return {
		envelope: withoutValues(shownEnvelope, hidden) as JsonObject,
		record: withoutValues(asLogged, hidden) as JsonObject,
	};
}

const logEntryType = '#LogEntry.v1_0_0.LogEntry';

/** Where a LogEntry and an EventRecord (DSP0268) name the same thing differently. */
const logNames: readonly (readonly [log: string, record: string])[] = [
	['Severity', 'MessageSeverity'],
	['Created', 'EventTimestamp'],
	['Id', 'EventId'],
	['EntryType', 'EventType'],
	['Links', 'OriginOfCondition'],
];

/** The record judged and masked as the log entry that it is. `shown` is what is left of it so far. */
function viewAsLogEntry(
	record: JsonObject,
	shown: JsonObject,
	log: RecordInput['log'],
): JsonObject | undefined {
	if (log.posts.length === 0) return shown;
	const { MessageSeverity, Severity } = record;
	// What says two things of itself could be judged by the one and read by the other.
	if (MessageSeverity !== undefined && Severity !== undefined && MessageSeverity !== Severity)
		return undefined;
	const judged = filterAnswer({ answer: asLogEntry(record, log.entry), posts: log.posts });
	if (judged.hidden || judged.unresolved.length > 0) return undefined;
	const masks = log.posts.map(posts => posts.filter(({ kind }) => kind === 'mask'));
	const before = asLogEntry(shown, undefined);
	const { answer: after } = filterAnswer({ answer: before, posts: masks });
	if (!isObject(after)) return undefined;
	const result: { [name: string]: JsonValue } = {};
	for (const [name, value] of Object.entries(shown)) {
		const names = [name, ...logNames.filter(([, own]) => own === name).map(([other]) => other)];
		const sources = names.filter(source => Object.hasOwn(before, source));
		// Masked under either name, it is masked; an annotation goes with what it is about.
		if (!sources.every(source => Object.hasOwn(after, source))) continue;
		const masked = sources.find(source => after[source] !== before[source]);
		result[name] = masked === undefined ? value : masked === 'Links' ? null : (after[masked] as JsonValue);
	}
	return result;
}

/** What the log would hold of this record: under the log's names as well; what the record does not say, the entry does. */
function asLogEntry(record: JsonObject, entry: JsonObject | undefined): JsonObject {
	const { '@odata.type': _type, '@odata.id': _id, ...own } = record;
	const renamed: { [name: string]: JsonValue } = {};
	for (const [name, ownName] of logNames) {
		const value = own[ownName];
		if (value !== undefined) renamed[name] = name === 'Links' ? { OriginOfCondition: value } : value;
	}
	// Its number, time and links are the entry's; of what both say, the record's is what its reader sees.
	const { Id, Created, EntryType, Links } = entry ?? {};
	const entrys = Object.entries({ Id, Created, EntryType, Links }).filter(([, value]) => value !== undefined);
	return { ...entry, ...renamed, ...own, ...Object.fromEntries(entrys), '@odata.type': logEntryType };
}

/** A shorter text could stand anywhere by chance. */
const shortestPart = 4;

interface HiddenValue {
	readonly value: string | number;
	/** What must not be part of any text, where it is long enough to tell. */
	readonly text: string | undefined;
}

/** Texts and numbers of a resource that its reader is not shown anywhere in it. */
function hiddenValues({ whole, seen }: NamedResource): HiddenValue[] {
	if (whole === seen) return [];
	const shown = leavesOf(seen);
	const shownText = [...shown].join('\n');
	return [...leavesOf(whole)].flatMap(value => {
		const text = String(value);
		const isLong = text.length >= (typeof value === 'number' ? 3 : shortestPart);
		if (isLong ? shownText.includes(text) : text === '' || shown.has(value)) return [];
		return [{ value, text: isLong ? text : undefined }];
	});
}

function leavesOf(value: JsonValue, found: Set<string | number> = new Set()): Set<string | number> {
	if (typeof value === 'string' || typeof value === 'number') found.add(value);
	else if (typeof value === 'object' && value !== null) {
		for (const child of Object.values(value)) leavesOf(child as JsonValue, found);
	}
	return found;
}

/** The same with null wherever one of the values stands, alone or in a text. */
function withoutValues(value: JsonValue, hidden: readonly HiddenValue[]): JsonValue {
	if (typeof value === 'string' || typeof value === 'number') {
		const text = String(value);
		const isHidden = hidden.some(
			one => one.value === value || (one.text !== undefined && text.includes(one.text)),
		);
		return isHidden ? null : value;
	}
	if (Array.isArray(value)) return value.map((item: JsonValue) => withoutValues(item, hidden));
	if (!isObject(value)) return value;
	return Object.fromEntries(
		Object.entries(value).map(([name, child]) => [name, withoutValues(child, hidden)] as const),
	);
}
