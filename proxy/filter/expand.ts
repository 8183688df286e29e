import type { JsonValue } from '../canonicalise/canonical-request.ts';

/** Resources that one request may pull in: each costs the BMC a read and the table a decision. */
const maxExpanded = 200;

/**
 * `$expand` (DSP0266 §7.3.1), worked out by the proxy: `.` expands what is subordinate, `~` what stands under
 * Links, `*` both, one level deep. `look` gives a resource as this client may see it, or undefined; then its
 * link stays.
 */
export async function expand(
	answer: JsonValue,
	option: string,
	look: (path: string) => Promise<JsonValue | undefined>,
): Promise<JsonValue> {
	const kind = option[0];
	let left = maxExpanded;
	const visit = async (value: JsonValue, underLinks: boolean, isRoot: boolean): Promise<JsonValue> => {
		if (Array.isArray(value)) {
			const items: JsonValue[] = [];
			for (const item of value) items.push(await visit(item, underLinks, false));
			return items;
		}
		if (typeof value !== 'object' || value === null) return value;
		const entries = Object.entries(value);
		const link =
			!isRoot && entries.length === 1 && entries[0]?.[0] === '@odata.id' ? entries[0][1] : undefined;
		if (typeof link === 'string') {
			const wanted = kind === '*' || (kind === '~') === underLinks;
			if (!wanted || left <= 0 || !/^\/redfish\/v1\/[^#]*$/.test(link)) return value;
			left--;
			return (await look(link.replace(/\/$/, ''))) ?? value;
		}
		const expanded: [string, JsonValue][] = [];
		for (const [name, child] of entries) {
			expanded.push([name, await visit(child, underLinks || name === 'Links', false)]);
		}
		return Object.fromEntries(expanded);
	};
	return visit(answer, false, true);
}
