import { isDeepStrictEqual } from 'node:util';
import type { JsonValue } from '../../proxy/canonicalise/canonical-request.ts';
import type { BmcLogin } from '../../proxy/enrol/open-bmc.ts';
import { comparable } from '../proxy/differences.ts';
import type { Asked } from './some-bmc.ts';

export interface TreeDifference {
	readonly path: string;
	readonly what: string;
}

export interface TreeComparison {
	/** Resources that were read. */
	readonly read: number;
	/** Those that the BMC shows and for which there is no row: denied. */
	readonly withoutRow: readonly string[];
	readonly differences: readonly TreeDifference[];
}

/** Resources that are read at most: a board under emulation answers one or two a second. */
const most = 250;
/** Schemas are hundreds of files that are all alike. */
const mostSchemas = 3;

/** Reads the tree of a BMC with and without the proxy; what changes between two reads without it is not compared. */
export async function compareTrees(login: BmcLogin, through: Asked): Promise<TreeComparison> {
	const paths = new Set(['/redfish/v1']);
	const withoutRow: string[] = [];
	const differences: TreeDifference[] = [];
	let schemas = 0;
	let read = 0;
	for (const path of paths) {
		if (read === most) break;
		if (path.startsWith('/redfish/v1/JsonSchemas/') && ++schemas > mostSchemas) continue;
		const before = await login.look(path);
		linksIn(before.json, paths);
		read++;
		if (isProxysOwn(path)) continue;
		const shown = await through('GET', path);
		const after = await login.look(path);
		if (after.status === 200 && shown.status === 403) withoutRow.push(path);
		else if (shown.status !== after.status)
			differences.push({ path, what: `status ${shown.status} instead of ${after.status}` });
		else
			for (const what of unlike(
				of(path, before),
				of(path, after),
				of(path, { ...shown, json: shown.json as JsonValue }),
			))
				differences.push({ path, what });
	}
	return { read, withoutRow, differences };
}

/** Whatever the BMC has there, the proxy shows something of its own. */
const isProxysOwn = (path: string): boolean =>
	comparable(path, { status: 200, headers: {}, text: '{}' }) === undefined;

/** What both must show the same of, without what docs/redfish.md says is the proxy's own. */
function of(
	path: string,
	{ status, json }: { status: number; json: JsonValue | undefined },
): JsonValue | undefined {
	if (json === undefined || status !== 200) return undefined;
	const left = comparable(path, { status, headers: {}, text: JSON.stringify(json) });
	return left && (JSON.parse(left.text) as JsonValue);
}

function linksIn(value: JsonValue | undefined, paths: Set<string>): void {
	if (typeof value === 'string' && value.startsWith('/redfish/v1')) {
		const path = (value.split(/[#?]/)[0] ?? '').replace(/\/$/, '');
		// A stream has no end, an action no GET, and what is attached may be a whole dump.
		if (!/\/(SSE$|Actions\/|UpdateService\/update|attachment$)/.test(path)) paths.add(path);
	} else if (typeof value === 'object' && value !== null)
		for (const child of Object.values(value)) linksIn(child, paths);
}

/** Where the proxy's answer is unlike the BMC's two: JSON pointers. Where those differ, time decides. */
function unlike(
	before: JsonValue | undefined,
	after: JsonValue | undefined,
	shown: JsonValue | undefined,
	at = '',
): string[] {
	if (isDeepStrictEqual(after, shown) || isDeepStrictEqual(before, shown)) return [];
	// A list that grew while it was read.
	if (Array.isArray(before) && Array.isArray(after) && before.length !== after.length) return [];
	if (
		isObject(before) &&
		isObject(after) &&
		isObject(shown) &&
		Array.isArray(after) === Array.isArray(shown)
	) {
		return [...new Set([...Object.keys(after), ...Object.keys(shown)])].flatMap(key =>
			unlike(before[key], after[key], shown[key], `${at}/${key}`),
		);
	}
	// Of the same kind it is a reading that goes up and down, or a list that grows.
	if (
		kindOf(before) === kindOf(after) &&
		kindOf(after) === kindOf(shown) &&
		!isDeepStrictEqual(before, after)
	)
		return [];
	return [`${at || 'all of it'} is ${JSON.stringify(shown)} instead of ${JSON.stringify(after)}`];
}

const kindOf = (value: JsonValue | undefined): string =>
	value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;

/** Or an array: its keys are the indices. */
const isObject = (value: JsonValue | undefined): value is { readonly [key: string]: JsonValue } =>
	typeof value === 'object' && value !== null;
