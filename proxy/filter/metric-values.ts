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
 * here. Gives the very same answer when nothing is left out.
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
	const isShown = async (value: JsonValue): Promise<boolean> => {
		const source = isObject(value) ? value.MetricProperty : undefined;
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
			const after = name === 'MetricValues' ? await shownOf(before) : await visit(before);
			if (after === before) continue;
			copy ??= { ...value };
			copy[name] = after;
			const count = `${name}@odata.count`;
			if (Array.isArray(after) && Object.hasOwn(value, count)) copy[count] = after.length;
		}
		return copy ?? value;
	};
	const visitList = async (list: readonly JsonValue[]): Promise<JsonValue> => {
		const visited: JsonValue[] = [];
		for (const item of list) visited.push(await visit(item));
		return visited.some((item, at) => item !== list[at]) ? visited : (list as JsonValue);
	};
	const shownOf = async (values: JsonValue): Promise<JsonValue> => {
		if (!Array.isArray(values)) return [];
		const shown: JsonValue[] = [];
		for (const value of values) if (await isShown(value)) shown.push(value);
		return shown.length === values.length ? values : shown;
	};
	return visit(answer);
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
