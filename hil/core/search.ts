import type { ReadTransaction } from '../../common/store/store.ts';
import { isMember } from '../authorize/actor.ts';
import { free, indexedValue, metadata, nodes } from '../model/node.ts';
import { type Condition, meets, parseNodeQuery } from '../search/node-query.ts';
import { listBy } from './find.ts';
import type { World } from './world.ts';

export interface FoundNode {
	readonly name: string;
	readonly project: string | null;
	readonly properties: Readonly<Record<string, unknown>>;
}
export interface FoundNodes {
	readonly nodes: readonly FoundNode[];
	/** To be given as `after` to look further, also where fewer were found than asked for; null at the end. */
	readonly next: string | null;
}

interface Search {
	readonly where?: string | undefined;
	/** `true`: free ones only. */
	readonly free?: string | undefined;
	readonly limit?: number | undefined;
	readonly after?: string | undefined;
}

const page = 200;
/** So that one search does not hold everybody else up: the rest is for the next call. */
const mostLookedAt = 2000;

/**
 * Nodes that the actor may look at (free ones, and those of the own projects) and whose metadata meet a query, in the
 * order of their names. A condition of equality leads to them by an index; without one, page after page is looked at.
 */
export async function searchNodes(
	tx: ReadTransaction,
	{ where = '', free: freeOnly, limit = 100, after = '' }: Search,
	{ actor }: World,
): Promise<FoundNodes> {
	const conditions = parseNodeQuery(where);
	const found: FoundNode[] = [];
	let looked = 0;
	let last = after;
	for await (const name of candidates(tx, conditions, freeOnly === 'true', after)) {
		if (found.length === limit || looked++ === mostLookedAt) return { nodes: found, next: last };
		last = name;
		const node = await tx.get(nodes, name);
		if (!node || (node.project !== null && (freeOnly === 'true' || !isMember(actor, node.project)))) continue;
		const notes = await listBy(tx, metadata, 'node', name);
		const properties = new Map(notes.map(({ label, value }) => [label, JSON.parse(value) as unknown]));
		if (!meets(properties, conditions)) continue;
		found.push({ name, project: node.project, properties: Object.fromEntries(properties) });
	}
	return { nodes: found, next: null };
}

/** Names that may fit, in order, each once. */
async function* candidates(
	tx: ReadTransaction,
	conditions: readonly Condition[],
	freeOnly: boolean,
	after: string,
): AsyncGenerator<string> {
	const exact = conditions.find(each => each.operator === '=' && indexedValue(each.property, each.value));
	if (exact?.operator === '=') {
		const equals = indexedValue(exact.property, exact.value) ?? '';
		const names = (await listBy(tx, metadata, 'is', equals)).map(({ node }) => node);
		yield* [...new Set(names)].filter(name => name > after).sort();
		return;
	}
	for (let from = after; ; ) {
		const where = freeOnly ? { where: { index: 'project', equals: free } } : {};
		const found = await tx.list(nodes, { ...where, after: from, limit: page });
		for (const { id } of found) yield id;
		const last = found.at(-1);
		if (!last || found.length < page) return;
		from = last.id;
	}
}
