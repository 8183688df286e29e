import type { Operation, PolicySet } from '../policy-set.ts';

/** What was changed in the text of the table or of the policies, by row. */
export interface RowChange {
	readonly operation: string;
	readonly change: 'added' | 'removed' | 'changed';
	/** `p2c`, `match`, `hso.pre`…, with the texts before and after. */
	readonly what: readonly { readonly part: string; readonly before: string; readonly after: string }[];
}

export function rowChanges(before: PolicySet, after: PolicySet): readonly RowChange[] {
	const old = new Map(before.operations.map(operation => [operation.name, operation]));
	const now = new Map(after.operations.map(operation => [operation.name, operation]));
	const names = [...new Set([...now.keys(), ...old.keys()])];
	return names.flatMap((name): RowChange[] => {
		const [was, is] = [old.get(name), now.get(name)];
		const parts = new Set([...Object.keys(partsOf(was)), ...Object.keys(partsOf(is))]);
		const what = [...parts]
			.map(part => ({ part, before: partsOf(was)[part] ?? '', after: partsOf(is)[part] ?? '' }))
			.filter(each => each.before !== each.after);
		if (what.length === 0) return [];
		return [{ operation: name, change: !was ? 'added' : !is ? 'removed' : 'changed', what }];
	});
}

/** Who speaks for a party that is a P²C itself. */
export function memberChanges(before: PolicySet, after: PolicySet): readonly RowChange[] {
	const parties = [...new Set([...before.members.keys(), ...after.members.keys()])];
	return parties.flatMap((party): RowChange[] => {
		const was = speakersOf(before, party);
		const is = speakersOf(after, party);
		const what = Object.keys(was)
			.map(part => ({ part, before: was[part] ?? '', after: is[part] ?? '' }))
			.filter(each => each.before !== each.after);
		if (what.length === 0) return [];
		const change = !before.members.has(party) ? 'added' : !after.members.has(party) ? 'removed' : 'changed';
		return [{ operation: `who speaks for ${party}`, change, what }];
	});
}

function speakersOf({ members }: PolicySet, party: string): Readonly<Record<string, string>> {
	const { speaks, reads, groups } = members.get(party) ?? {};
	return {
		speaks: speaks?.source ?? '',
		reads: reads?.source ?? '',
		groups: groups ? JSON.stringify(groups) : '',
	};
}

function partsOf(operation: Operation | undefined): Readonly<Record<string, string>> {
	if (!operation) return {};
	return {
		p2c: operation.authorization.source,
		match: operation.matches.map(({ source }) => source).join(', '),
		properties: operation.properties?.join(', ') ?? '',
		...Object.fromEntries(
			[...operation.policies].flatMap(([party, { pre, post }]) => [
				[`${party.toLowerCase()}.pre`, pre?.source ?? ''],
				[`${party.toLowerCase()}.post`, post.map(({ source }) => source).join(', ')],
			]),
		),
	};
}
