/**
 * Reads VLANs as command lines write them, `1,5-7,10`; `none` and an empty text are no VLANs.
 * @returns in order, or undefined when it is no such list
 */
export function parseVlanRanges(text: string): number[] | undefined {
	const plain = text.trim();
	if (plain === '' || plain === 'none') return [];
	const vlans = new Set<number>();
	for (const part of plain.split(',')) {
		const found = /^\s*(\d{1,4})(?:\s*-\s*(\d{1,4}))?\s*$/.exec(part);
		if (!found) return undefined;
		const first = Number(found[1]);
		const last = Number(found[2] ?? found[1]);
		if (first < 1 || last > 4095 || first > last) return undefined;
		for (let vlan = first; vlan <= last; vlan++) vlans.add(vlan);
	}
	return [...vlans].sort((a, b) => a - b);
}

/** VLANs as `1,5-7,10`. */
export function formatVlanRanges(vlans: Iterable<number>): string {
	const ranges: { first: number; last: number }[] = [];
	for (const vlan of [...vlans].sort((a, b) => a - b)) {
		const current = ranges.at(-1);
		if (current && vlan <= current.last + 1) current.last = vlan;
		else ranges.push({ first: vlan, last: vlan });
	}
	return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}
