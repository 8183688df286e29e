import { z } from 'zod';
import { storeCorrupt, storeInvalid } from './errors.ts';
import type { Collection, ListOptions } from './store.ts';

const longestId = 1024;
type Definition = Pick<Collection<never>, 'name' | 'indexes'>;

/**
 * The text that is stored for a document. It is checked in the form in which it will be read back, so that what JSON
 * cannot carry (a Date, NaN, undefined) is found now and not at the next start.
 *
 * @throws BimetalError StoreInvalid
 */
export const encodeDocument = <T>(collection: Collection<T>, id: string, document: T): string =>
	checkDocument(collection, id, document).text;

/** The same, and the document as it will be read. @throws BimetalError StoreInvalid */
export function checkDocument<T>(
	collection: Collection<T>,
	id: string,
	document: T,
): { readonly text: string; readonly document: T } {
	let text: string | undefined;
	try {
		text = JSON.stringify(document);
	} catch (error) {
		throw storeInvalid(`${collection.name}/${id}`, 'the document cannot be written as JSON', error);
	}
	if (text === undefined) throw storeInvalid(`${collection.name}/${id}`, 'the document is undefined');
	const result = collection.schema.safeParse(JSON.parse(text));
	if (!result.success) {
		throw storeInvalid(`${collection.name}/${id}`, z.prettifyError(result.error), result.error);
	}
	return { text, document: result.data };
}

/** @throws BimetalError StoreCorrupt when the text is not a document of the collection */
export function decodeDocument<T>(
	collection: Pick<Collection<T>, 'name' | 'schema'>,
	id: string,
	text: string,
): T {
	let value: unknown;
	try {
		value = JSON.parse(text);
	} catch (error) {
		throw storeCorrupt(`${collection.name}/${id}`, 'the document is not JSON', error);
	}
	const result = collection.schema.safeParse(value);
	if (result.success) return result.data;
	throw storeCorrupt(`${collection.name}/${id}`, z.prettifyError(result.error), result.error);
}

/** @throws BimetalError StoreInvalid for ids that not every engine could hold and give back unchanged */
export function checkId(collection: Pick<Definition, 'name'>, id: string): void {
	if (typeof id !== 'string' || id.length === 0 || id.length > longestId || !isPlain(id)) {
		throw storeInvalid(
			collection.name,
			`an id is 1 to ${longestId} characters of well-formed Unicode without NUL`,
		);
	}
}

/** @throws BimetalError StoreInvalid when the collection has no such index, or the limit is not a count */
export function checkList(collection: Definition, options: ListOptions): void {
	const { where, limit } = options;
	if (where && !Object.hasOwn(collection.indexes, where.index)) {
		throw storeInvalid(collection.name, `there is no index ${where.index}`);
	}
	if (limit !== undefined && (!Number.isSafeInteger(limit) || limit < 0)) {
		throw storeInvalid(collection.name, `the limit ${limit} is not a count`);
	}
}

/** What each index says of a stored document; indexes that say nothing of it are left out. */
export function indexValues<T>(collection: Collection<T>, id: string, text: string): [string, string][] {
	if (Object.keys(collection.indexes).length === 0) return [];
	return indexValuesOf(collection, id, decodeDocument(collection, id, text));
}

/** The same of a document that has been read already. */
export function indexValuesOf<T>(collection: Collection<T>, id: string, document: T): [string, string][] {
	const values: [string, string][] = [];
	for (const name of Object.keys(collection.indexes)) {
		const said = collection.indexes[name]?.(document);
		if (said === undefined) continue;
		for (const value of typeof said === 'string' ? [said] : new Set(said)) {
			if (!isPlain(value)) {
				throw storeInvalid(
					`${collection.name}/${id}`,
					`the index ${name} is not well-formed Unicode without NUL`,
				);
			}
			values.push([name, value]);
		}
	}
	return values;
}

function isPlain(text: string): boolean {
	return text.isWellFormed() && !text.includes('\0');
}
