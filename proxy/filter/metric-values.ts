import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { isObject, type JsonObject } from './resource-type.ts';

/** A resource as the BMC has it, and as its reader may see it; `all` where nothing of it is hidden. */
export type Shown = 'all' | { readonly whole: JsonValue; readonly shown: JsonValue };

/** How a reader may see a resource; undefined where it would not be shown at once. */
export type See = (path: string) => Promise<Shown | undefined>;

/** Resources that one report may be about: each costs a decision, and a read where something of it is hidden. */
const maxSources = 512;

/**
 * Metric reports repeat values of other resources (DSP0268, MetricReport.MetricValues). A value is shown to whom its
 * MetricProperty shows it: what is hidden there, or has no row, or does not say where it comes from, is left out
 * here. So are the sources themselves where a report's definition, or a trigger, names them (MetricProperties; with
 * what else a metric says, when none of its sources is left). Gives the very same answer when nothing is left out.
 */
export async function dropHiddenMetrics(answer: JsonValue, see: See): Promise<JsonValue> {
	const known = new Map<string, Promise<Shown | undefined>>();
	const look = (path: string): Promise<Shown | undefined> => {
		const found = known.get(path);
		if (found) return found;
		const seen = known.size < maxSources ? see(path) : Promise.resolve(undefined);
		known.set(path, seen);
		return seen;
	};
	const isShown = async (source: JsonValue | undefined): Promise<boolean> => {
		if (typeof source !== 'string') return false;
		const [path = '', pointer] = source.split('#');
		if (!plainPath.test(path) || path.startsWith('/redfish/v1/TelemetryService')) return false;
		const resource = await look(path);
		if (resource !== undefined) return isSame(resource, pointer?.split('/').slice(1));
		if (pointer !== undefined) return false;
		// Before MetricProperty was a JSON pointer (DSP0266 1.6), a property stood behind the path like a segment.
		const at = path.lastIndexOf('/');
		const parent = await look(path.slice(0, at));
		return parent !== undefined && isSame(parent, [path.slice(at + 1)]);
	};
	const visit = async (value: JsonValue): Promise<JsonValue> => {
		if (Array.isArray(value)) return visitList(value);
		if (!isObject(value)) return value;
		let copy: { [name: string]: JsonValue } | undefined;
		for (const [name, before] of Object.entries(value)) {
			const after = await visitProperty(name, before, value);
			if (after === before) continue;
			copy ??= { ...value };
			copy[name] = after;
			const count = `${name}@odata.count`;
			if (Array.isArray(after) && Object.hasOwn(value, count)) copy[count] = after.length;
		}
		// They name what they stand for.
		if (copy && Object.hasOwn(value, 'Wildcards')) copy.Wildcards = [];
		return copy ?? value;
	};
	const visitProperty = async (name: string, before: JsonValue, of: JsonObject): Promise<JsonValue> => {
		switch (name) {
			case 'MetricValues':
				return keep(before, value => isShown(isObject(value) ? value.MetricProperty : undefined));
			case 'MetricProperties':
				return keep(before, source => areShown(source, of.Wildcards));
			case 'Metrics':
				return dropEmptied(before, await visit(before));
			default:
				return visit(before);
		}
	};
	/** With every value that its wildcards may take; one that takes any cannot be decided on. */
	const areShown = async (source: JsonValue, wildcards: JsonValue | undefined): Promise<boolean> => {
		const sources = typeof source === 'string' ? expandWildcards(source, wildcards) : [];
		for (const one of sources) if (!(await isShown(one))) return false;
		return sources.length > 0;
	};
	const visitList = async (list: readonly JsonValue[]): Promise<JsonValue> => {
		const visited: JsonValue[] = [];
		for (const item of list) visited.push(await visit(item));
		return visited.some((item, at) => item !== list[at]) ? visited : (list as JsonValue);
	};
	const keep = async (
		values: JsonValue,
		isKept: (value: JsonValue) => Promise<boolean>,
	): Promise<JsonValue> => {
		if (!Array.isArray(values)) return [];
		const shown: JsonValue[] = [];
		for (const value of values) if (await isKept(value)) shown.push(value);
		return shown.length === values.length ? values : shown;
	};
	return visit(answer);
}

/** A metric whose sources were all left out would still say its MetricId. */
function dropEmptied(before: JsonValue, after: JsonValue): JsonValue {
	if (!Array.isArray(before) || !Array.isArray(after)) return after;
	const left = after.filter((metric, at) => metric === before[at] || !isEmptied(metric as JsonValue));
	return left.length === after.length ? after : left;
}
function isEmptied(metric: JsonValue): boolean {
	const sources = isObject(metric) ? metric.MetricProperties : undefined;
	return Array.isArray(sources) && sources.length === 0;
}

/** `{Name}` of DSP0268, MetricReportDefinition.Wildcards: one source for each combination; none for too many. */
function expandWildcards(source: string, wildcards: JsonValue | undefined): readonly string[] {
	let sources = [source];
	for (const wildcard of Array.isArray(wildcards) ? (wildcards as readonly JsonValue[]) : []) {
		if (!isObject(wildcard) || typeof wildcard.Name !== 'string') continue;
		const mark = `{${wildcard.Name}}`;
		if (!source.includes(mark)) continue;
		const values = wildcard.Values ?? wildcard.Keys;
		if (!Array.isArray(values) || sources.length * values.length > maxSources) return [];
		sources = values.flatMap(value => sources.map(one => one.replaceAll(mark, String(value))));
	}
	return sources;
}

const plainPath = /^\/redfish\/v1(?:\/[\w~!$&'()*+,=:@-][\w.~!$&'()*+,=:@-]*)+$/;

/** Is what the names lead to as the BMC has it? Without names it is a sensor's Reading, or the resource. */
function isSame(resource: Shown, names: readonly string[] | undefined): boolean {
	if (resource === 'all') return true;
	const { whole, shown } = resource;
	if (names === undefined) {
		const reading = isObject(whole) && Object.hasOwn(whole, 'Reading');
		return reading ? isSame(resource, ['Reading']) : isObject(shown);
	}
	const [before, after] = [valueAt(whole, names), valueAt(shown, names)];
	return before !== undefined && before === after;
}

function valueAt(resource: JsonValue, names: readonly string[]): JsonValue | undefined {
	let value: JsonValue | undefined = resource;
	for (const name of names) {
		if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
		value = (value as JsonObject)[name];
	}
	return value;
}
