import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { forEach, type Look } from './look-up.ts';
import type { ExpandOption } from './query-options.ts';
import { linkTarget } from './resource-type.ts';

/** Resources that one answer may hold: each costs the BMC a read and the table a decision. */
const maxExpanded = 256;
/** Objects and lists in one answer, so that links in a circle do not make it grow for ever. */
const maxNodes = 200_000;

type Container = { [key: string]: JsonValue } | JsonValue[];

/** Where a link stands in the answer that is being made. */
interface Slot {
	readonly target: string;
	replace(resource: JsonValue): void;
}

/**
 * `$expand` (DSP0266, "The $expand query parameter"), level by level: what lies nearer is expanded first. `look` gives
 * a resource as this reader may see it; where it gives nothing, or the answer would become too large, the link stays.
 */
export async function expand(answer: JsonValue, option: ExpandOption, look: Look): Promise<JsonValue> {
	const size = { nodes: 0 };
	let slots: Slot[] = [];
	const expanded = copyWithSlots(answer, option, slots, size);
	let left = maxExpanded;
	for (let level = 0; level < option.levels && slots.length > 0 && left > 0; level++) {
		const wanted = slots.slice(0, left);
		const found = new Map<string, JsonValue | undefined>();
		await forEach([...new Set(wanted.map(slot => slot.target))], async target => {
			found.set(target, await look(target));
		});
		slots = [];
		for (const { target, replace } of wanted) {
			const resource = found.get(target);
			if (resource === undefined || size.nodes > maxNodes) continue;
			left--;
			replace(copyWithSlots(resource, option, slots, size));
		}
	}
	return expanded;
}

/** A copy in which links can be replaced; those that the option is about are put into `slots`. */
function copyWithSlots(
	resource: JsonValue,
	{ which }: ExpandOption,
	slots: Slot[],
	size: { nodes: number },
): JsonValue {
	const copyInto = (
		container: Container,
		key: string | number,
		value: JsonValue,
		underLinks: boolean,
	): void => {
		const put = (child: JsonValue) => {
			Object.defineProperty(container, key, {
				value: child,
				enumerable: true,
				writable: true,
				configurable: true,
			});
		};
		const link = linkTarget(value);
		if (link !== undefined && (which === '*' || (which === '~') === underLinks) && !link.includes('#')) {
			slots.push({ target: link, replace: put });
		}
		put(copy(value, underLinks));
	};
	const copy = (value: JsonValue, underLinks: boolean): JsonValue => {
		if (typeof value !== 'object' || value === null) return value;
		size.nodes++;
		if (Array.isArray(value)) {
			const list: JsonValue[] = [];
			for (const [i, element] of value.entries()) copyInto(list, i, element as JsonValue, underLinks);
			return list;
		}
		const object: { [key: string]: JsonValue } = {};
		for (const [name, child] of Object.entries(value)) {
			copyInto(object, name, child, underLinks || name === 'Links');
		}
		return object;
	};
	return copy(resource, false);
}
