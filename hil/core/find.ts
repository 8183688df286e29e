import type { Collection, ReadTransaction } from '../../common/store/store.ts';
import { hilErrors } from '../errors.ts';

/** The document, or NotFoundError (404). `what` is for the message: `node n1`. */
export async function mustFind<T>(
	tx: ReadTransaction,
	collection: Collection<T>,
	id: string,
	what: string,
): Promise<T> {
	const document = id === '' ? undefined : await tx.get(collection, id);
	if (document === undefined) throw hilErrors.NotFoundError(`There is no ${what}.`);
	return document;
}

/** DuplicateError (409) when there is such a document. */
export async function assertAbsent<T>(
	tx: ReadTransaction,
	collection: Collection<T>,
	id: string,
	what: string,
): Promise<void> {
	if ((await tx.get(collection, id)) !== undefined) {
		throw hilErrors.DuplicateError(`There is a ${what} already.`);
	}
}

/** The documents of an index's value, without their ids. */
export async function listBy<T>(
	tx: ReadTransaction,
	collection: Collection<T>,
	index: string,
	equals: string,
): Promise<T[]> {
	return (await tx.list(collection, { where: { index, equals } })).map(({ document }) => document);
}

/** BlockedError (409) when the index has anything of this value. */
export async function assertNone<T>(
	tx: ReadTransaction,
	collection: Collection<T>,
	index: string,
	equals: string,
	why: string,
): Promise<void> {
	const found = await tx.list(collection, { where: { index, equals }, limit: 1 });
	if (found.length > 0) throw hilErrors.BlockedError(why);
}
