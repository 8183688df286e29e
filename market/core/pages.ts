import type { Collection, ListOptions, ReadTransaction } from '../../common/store/store.ts';

export interface PageArguments {
	readonly after?: string | undefined;
	readonly limit?: number | undefined;
}

/** Documents that are read for one page, at most: a page may have fewer than it could, and still a next one. */
const mostRead = 2000;
const usual = 100;

/** Documents, in the order of their ids, that `isShown` says yes to; `next` is what to ask `after` for the page after. */
export async function listPage<T, V>(
	tx: ReadTransaction,
	collection: Collection<T>,
	{
		where,
		after,
		limit = usual,
		show,
	}: PageArguments & {
		readonly where?: ListOptions['where'] | undefined;
		/** Undefined: not for the asker. */
		readonly show: (id: string, document: T) => V | undefined;
	},
): Promise<{ readonly page: V[]; readonly next?: string }> {
	const options = { ...(where && { where }), ...(after !== undefined && { after }), limit: mostRead };
	const read = await tx.list(collection, options);
	const page: V[] = [];
	for (const [n, { id, document }] of read.entries()) {
		const view = show(id, document);
		if (view !== undefined) page.push(view);
		const isLast = n === read.length - 1;
		if (page.length === limit && !isLast) return { page, next: id };
		if (isLast && read.length === mostRead) return { page, next: id };
	}
	return { page };
}
