import type { CanonicalRequest, JsonValue } from '../canonicalise/canonical-request.ts';
import { plainRequest } from '../canonicalise/plain-request.ts';
import type { ActivePolicies, Consider } from '../decide/consider.ts';
import { filterAnswer } from '../filter/filter-answer.ts';
import { dropHiddenMetrics } from '../filter/metric-values.ts';
import { isObject, type JsonObject } from '../filter/resource-type.ts';
import type { BmcConnection } from '../forward/bmc-connection.ts';
import type { Posts } from '../forward/perform.ts';
import type { Operator } from '../operator.ts';
import { type EventMessage, reportPath } from './event-message.ts';
import { type NamedResource, type RecordView, viewRecord } from './record-view.ts';
import { streamPath } from './upstream.ts';

export interface SightDeps {
	readonly policies: () => ActivePolicies;
	readonly consider: Consider;
	/** Whether decisions can be recorded: where they cannot, none is made. */
	readonly isRecorded: () => boolean;
}

/** Whose eyes an event is looked at with, and on which BMC. */
export interface Reader {
	readonly operator: Operator;
	readonly bmc: Pick<BmcConnection, 'read' | 'target'>;
}

/** What is read of a BMC for one event, once for all its readers. */
export type ReadOnce = (path: string) => Promise<JsonValue>;

export function readOnce(bmc: Pick<BmcConnection, 'read'>): ReadOnce {
	const read = new Map<string, Promise<JsonValue>>();
	return path => {
		const under = read.get(path) ?? bmc.read(path);
		read.set(path, under);
		return under;
	};
}

export type Seen =
	| { readonly kind: 'event'; readonly envelope: JsonObject; readonly records: readonly JsonObject[] }
	| { readonly kind: 'report'; readonly report: JsonObject };

export interface Sight {
	/** The post-policies under which the operator may follow events now; undefined when not at all. */
	mayFollow(reader: Reader): Promise<Posts | undefined>;
	/** What of an event the reader is shown; undefined when nothing. Whatever cannot be decided is not shown. */
	see(reader: Reader, message: EventMessage, read: ReadOnce, posts: Posts): Promise<Seen | undefined>;
}

/**
 * Decides for each event anew, by the policies in force, without a record of its own: the stream or subscription that
 * it goes to is on the record, and a thousand events a minute would bury everything else there.
 */
export function createSight({ policies, consider, isRecorded }: SightDeps): Sight {
	const decide = async (
		{ operator, bmc }: Reader,
		request: CanonicalRequest,
	): Promise<{ readonly posts: Posts; readonly isOwn: boolean } | 'unknown' | undefined> => {
		const active = policies();
		const found = active.classify(request);
		if (found.kind !== 'known') return 'unknown';
		const call = { request, operator, bmc: bmc as BmcConnection, prefix: '' };
		const verdict = await consider(active, found.operations, call, [operator]);
		if (verdict.kind !== 'execute') return undefined;
		return { posts: verdict.posts, isOwn: found.operations.some(({ handledBy }) => handledBy === 'proxy') };
	};
	const mayGet = (reader: Reader, path: string) => decide(reader, plainRequest('GET', path));

	/** A resource that a record names, as the reader would be shown it; undefined when not. */
	const lookAt = async (reader: Reader, path: string, read: ReadOnce): Promise<Named | undefined> => {
		const found = await mayGet(reader, path);
		if (!found || found === 'unknown') return undefined;
		const { posts } = found;
		const isReport = reportPath.test(path);
		if (posts.length === 0 && !isReport) return { posts, path, resource: undefined };
		if (found.isOwn) return undefined;
		const whole = await read(path).catch(() => undefined);
		if (whole === undefined) return undefined;
		const filtered = filterAnswer({ answer: whole, posts });
		if (filtered.hidden) return undefined;
		const seen = isReport ? await withoutHiddenMetrics(reader, filtered.answer, read) : filtered.answer;
		return { posts, path, resource: { whole, seen } };
	};

	/** A report repeats values of sensors: what a GET of it would leave out is left out here. */
	const withoutHiddenMetrics = (reader: Reader, report: JsonValue, read: ReadOnce): Promise<JsonValue> =>
		dropHiddenMetrics(report, async path => {
			const source = await lookAt(reader, path, read);
			if (!source?.resource) return source && 'all';
			return { whole: source.resource.whole, shown: source.resource.seen };
		});

	/** Under which policies the reader would read the log of a record that names no entry of one. */
	const logPosts = async (reader: Reader, named: readonly Named[]): Promise<Posts | undefined> => {
		const part = (kind: string, otherwise: string): string => {
			const pattern = new RegExp(`^/redfish/v1/${kind}/([^/]+)`);
			return named.map(({ path }) => pattern.exec(path)?.[1]).find(id => id !== undefined) ?? otherwise;
		};
		const logs = [`Systems/${part('Systems', 'system')}`, `Managers/${part('Managers', 'bmc')}`];
		const decided = await Promise.all(
			logs.map(log => mayGet(reader, `/redfish/v1/${log}/LogServices/EventLog/Entries`)),
		);
		const known = decided.filter(one => one !== 'unknown');
		if (known.length === 0) return undefined;
		return known.every(one => one !== undefined) ? known.flatMap(({ posts }) => posts) : undefined;
	};

	const seeRecord = async (
		reader: Reader,
		message: EventMessage & { kind: 'event' },
		record: JsonObject,
		read: ReadOnce,
		posts: Posts,
	): Promise<RecordView | undefined> => {
		const paths = pathsNamedBy(record);
		if (!paths) return undefined;
		const named: Named[] = [];
		for (const path of paths) {
			const one = await lookAt(reader, path, read);
			if (!one) return undefined;
			named.push(one);
		}
		const entries = named.filter(({ path }) => isLogEntry(path));
		const log = entries.length > 0 ? entries.flatMap(one => one.posts) : await logPosts(reader, named);
		if (!log) return undefined;
		const resources = named.flatMap(({ resource }): NamedResource[] => (resource ? [resource] : []));
		const whole = entries.find(({ resource }) => resource)?.resource?.whole;
		return viewRecord({
			envelope: message.envelope,
			record,
			posts,
			log: { posts: log, entry: isObject(whole) ? whole : undefined },
			named: resources,
		});
	};

	const seeEvent = async (
		reader: Reader,
		message: EventMessage & { kind: 'event' },
		read: ReadOnce,
		posts: Posts,
	): Promise<Seen | undefined> => {
		const views: RecordView[] = [];
		for (const record of message.records) {
			const view = await seeRecord(reader, message, record, read, posts);
			if (view) views.push(view);
		}
		const [first] = views;
		if (!first) return undefined;
		return { kind: 'event', envelope: first.envelope, records: views.map(({ record }) => record) };
	};

	const seeReport = async (
		reader: Reader,
		{ report, path }: EventMessage & { kind: 'report' },
		read: ReadOnce,
		posts: Posts,
	): Promise<Seen | undefined> => {
		const found = await mayGet(reader, path);
		if (!found || found === 'unknown') return undefined;
		const { answer, hidden, unresolved } = filterAnswer({
			answer: report,
			posts: [...posts, ...found.posts],
		});
		if (hidden || unresolved.length > 0 || !isObject(answer)) return undefined;
		const shown = await withoutHiddenMetrics(reader, answer, read);
		return isObject(shown) ? { kind: 'report', report: shown } : undefined;
	};

	return {
		async mayFollow(reader) {
			if (!isRecorded()) return undefined;
			const found = await mayGet(reader, streamPath);
			return found === 'unknown' ? undefined : found?.posts;
		},
		see: (reader, message, read, posts) =>
			message.kind === 'event'
				? seeEvent(reader, message, read, posts)
				: seeReport(reader, message, read, posts),
	};
}

interface Named {
	readonly path: string;
	readonly posts: Posts;
	/** Undefined where nothing in it is hidden from anybody. */
	readonly resource: NamedResource | undefined;
}

const isLogEntry = (path: string): boolean => /\/LogServices\/[^/]+\/Entries\/[^/]+$/.test(path);

/** Undefined when a record names what nobody can look up: then nobody can say whether it is hidden. */
function pathsNamedBy({ LogEntry, OriginOfCondition }: JsonObject): readonly string[] | undefined {
	const paths = new Set<string>();
	for (const named of [LogEntry, OriginOfCondition]) {
		if (named === undefined || named === null) continue;
		// A plain text is the form of before Event v1.1.
		const link = isObject(named) ? named['@odata.id'] : named;
		const [path = ''] = typeof link === 'string' ? link.split('#') : [];
		if (!/^\/redfish\/v1(?:\/[\w.~:@$&()+,;=!'*-]+)+\/?$/.test(path) || /\/\.{1,2}(?:\/|$)/.test(path)) {
			return undefined;
		}
		paths.add(path.replace(/\/$/, ''));
	}
	return [...paths];
}
