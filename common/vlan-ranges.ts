/** Numbers for people, with three and more that follow each other as one range: `10`, `11`, `100-199`. Takes them in order. */
export function vlanRanges(vlans: readonly number[]): readonly string[] {
	const ranges: { first: number; last: number }[] = [];
	for (const vlan of vlans) {
		const range = ranges.at(-1);
		if (range?.last === vlan - 1) range.last = vlan;
		else ranges.push({ first: vlan, last: vlan });
	}
	return ranges.flatMap(({ first, last }) =>
		last - first < 2 ? (first === last ? [`${first}`] : [`${first}`, `${last}`]) : [`${first}-${last}`],
	);
}
