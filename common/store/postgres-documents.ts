import { createHash } from 'node:crypto';
import { z } from 'zod';
import { indexValues } from './document-text.ts';
import type { Connection, Statement } from './postgres-connection.ts';
import { toBytes, toText } from './postgres-ids.ts';
import type { Collection, ListOptions } from './store.ts';

const bytes = z.instanceof(Buffer);
const nothing = z.object({});
const statement = <Row>(name: string, row: z.ZodType<Row>, text: string): Statement<Row> => ({
	name,
	row,
	text,
});
const entry = z.object({ id: bytes, document: z.string() });
const counted = z.object({ n: z.coerce.number().int() });

const get = statement(
	'get',
	z.object({ document: z.string() }),
	'SELECT document FROM documents WHERE collection = $1 AND id = $2',
);
const listAll = statement(
	'list',
	entry,
	'SELECT id, document FROM documents WHERE collection = $1 AND id > $2 ORDER BY id LIMIT $3',
);
const listWhere = statement(
	'list-where',
	entry,
	// Not a join, of which PostgreSQL chooses the order.
	`SELECT e.id, (SELECT d.document FROM documents d WHERE d.collection = e.collection AND d.id = e.id) AS document
		FROM index_entries e WHERE e.collection = $1 AND e.name = $4 AND e.value = $5 AND e.id > $2 ORDER BY e.id LIMIT $3`,
);
const count = statement('count', counted, 'SELECT count(*) AS n FROM documents WHERE collection = $1');
const countWhere = statement(
	'count-where',
	counted,
	'SELECT count(*) AS n FROM index_entries WHERE collection = $1 AND name = $2 AND value = $3',
);
/** LATERAL with OFFSET is no join, of which PostgreSQL chooses the order: each is looked up by its key. */
const getMany = statement(
	'get-many',
	z.object({ collection: z.string(), id: bytes, document: z.string() }),
	`SELECT w.collection, w.id, d.document FROM unnest($1::text[], $2::bytea[]) AS w (collection, id), LATERAL (
			SELECT document FROM documents d WHERE d.collection = w.collection AND d.id = w.id OFFSET 0
		) AS d`,
);
const replace = statement(
	'replace',
	nothing,
	`INSERT INTO documents (collection, id, document)
		SELECT * FROM unnest($1::text[], $2::bytea[], $3::text[])
		ON CONFLICT (collection, id) DO UPDATE SET document = excluded.document`,
);
const insert = statement(
	'insert',
	counted,
	`WITH made AS (
			INSERT INTO documents (collection, id, document)
			SELECT * FROM unnest($1::text[], $2::bytea[], $3::text[]) ON CONFLICT DO NOTHING RETURNING 1
		)
		SELECT count(*) AS n FROM made`,
);
/** Parts of WITH that write are carried out whether they are asked for anything or not. */
const remove = statement(
	'remove',
	nothing,
	`WITH gone AS (DELETE FROM index_entries WHERE collection = $1 AND id = $2)
		DELETE FROM documents WHERE collection = $1 AND id = $2`,
);
/** Of documents that are written again and again, most entries stay as they are: `kept` has them, as the text of an array. */
const dropEntries = statement(
	'drop-entries',
	nothing,
	`DELETE FROM index_entries WHERE ctid = ANY (ARRAY(
			SELECT e.ctid FROM unnest($1::text[], $2::bytea[], $3::text[]) AS w (collection, id, kept), LATERAL (
				SELECT ctid, name, value FROM index_entries i WHERE i.collection = w.collection AND i.id = w.id OFFSET 0
			) AS e
			WHERE encode(e.value, 'hex') || e.name <> ALL (w.kept::text[])
		))`,
);
const addEntries = statement(
	'add-entries',
	nothing,
	`INSERT INTO index_entries (collection, id, name, value)
		SELECT * FROM unnest($1::text[], $2::bytea[], $3::text[], $4::bytea[]) ON CONFLICT DO NOTHING`,
);
const definitions = statement(
	'definitions',
	z.object({ collection: z.string(), definition: z.string() }),
	'SELECT collection, definition FROM index_definitions ORDER BY collection',
);
const define = statement(
	'define',
	nothing,
	`INSERT INTO index_definitions (collection, definition) VALUES ($1, $2)
		ON CONFLICT (collection) DO UPDATE SET definition = excluded.definition`,
);
const forget = statement('forget', nothing, 'DELETE FROM index_entries WHERE collection = $1');

/** Documents that go in one statement, or are looked at together when index entries are made anew. */
const pageSize = 500;

const digest = (value: string): Buffer => createHash('sha256').update(value, 'utf8').digest();

/** What is to become of a document. */
export interface Change {
	readonly collection: string;
	readonly id: string;
	/** Undefined: it is deleted. */
	readonly text: string | undefined;
	/** What indexes say of it. */
	readonly values: readonly (readonly [string, string])[];
	/** There is none of this id: it is a fault if there is. */
	readonly isNew: boolean;
	/** Its collection has indexes. */
	readonly isIndexed: boolean;
}

interface Place {
	readonly collection: string;
	readonly id: string;
}

/**
 * What is done to documents and their index entries, within the transaction that the connection is in. Calls can be made at once:
 * they go one behind the other, without waiting for answers.
 */
export function createDocuments(connection: Connection) {
	async function list(
		collection: string,
		{ where, after = '', limit }: ListOptions,
	): Promise<{ id: string; text: string }[]> {
		const values = [collection, toBytes(after), limit ?? null];
		const rows = where
			? await connection.rows(listWhere, [...values, where.index, digest(where.equals)])
			: await connection.rows(listAll, values);
		return rows.map(row => ({ id: toText(row.id), text: row.document }));
	}

	/** Resolves to how many of those that are new were not there. */
	async function writePage(changes: readonly Change[]): Promise<number> {
		const there = changes.filter(({ text }) => text !== undefined);
		const [fresh, known] = [there.filter(({ isNew }) => isNew), there.filter(({ isNew }) => !isNew)];
		const gone = changes.filter(({ text }) => text === undefined);
		const keep = known.filter(({ isIndexed }) => isIndexed);
		const entries = there.flatMap(({ collection, id, values }) =>
			values.map(([name, value]) => [collection, toBytes(id), name, digest(value)] as const),
		);
		const [made] = await Promise.all([
			fresh.length > 0 ? connection.rows(insert, [...placesOf(fresh), fresh.map(textOf)]) : [],
			known.length > 0 && connection.rows(replace, [...placesOf(known), known.map(textOf)]),
			...gone.map(({ collection, id }) => connection.rows(remove, [collection, toBytes(id)])),
			keep.length > 0 && connection.rows(dropEntries, [...placesOf(keep), keep.map(keptOf)]),
			entries.length > 0 && connection.rows(addEntries, columnsOf(entries)),
		]);
		return made[0]?.n ?? 0;
	}

	return {
		async get(collection: string, id: string): Promise<string | undefined> {
			const [found] = await connection.rows(get, [collection, toBytes(id)]);
			return found?.document;
		},
		/** Those that are there. */
		async getMany(places: readonly Place[]): Promise<(Place & { readonly text: string })[]> {
			const rows = places.length === 0 ? [] : await connection.rows(getMany, placesOf(places));
			return rows.map(({ collection, id, document }) => ({ collection, id: toText(id), text: document }));
		},
		list,
		async count(collection: string, where: ListOptions['where']): Promise<number> {
			const [found] = where
				? await connection.rows(countWhere, [collection, where.index, digest(where.equals)])
				: await connection.rows(count, [collection]);
			return found?.n ?? 0;
		},
		/** Writes all of it, each document once. False when one that is new was there already. */
		async write(changes: readonly Change[]): Promise<boolean> {
			const pages = Array.from({ length: Math.ceil(changes.length / pageSize) }, (_, n) =>
				writePage(changes.slice(n * pageSize, (n + 1) * pageSize)),
			);
			const made = (await Promise.all(pages)).reduce((sum, each) => sum + each, 0);
			return made === changes.filter(({ isNew, text }) => isNew && text !== undefined).length;
		},
		/** By collection, by which indexes its entries were made: see `definitionOf`. */
		async definitions(): Promise<Map<string, string>> {
			const rows = await connection.rows(definitions, []);
			return new Map(rows.map(({ collection, definition }) => [collection, definition]));
		},
		/** Makes the entries of all documents of a collection anew. */
		async rebuildIndexes<T>(collection: Collection<T>): Promise<void> {
			await connection.rows(forget, [collection.name]);
			for (let after = ''; ; ) {
				const page = await list(collection.name, { after, limit: pageSize });
				const entries = page.flatMap(({ id, text }) =>
					indexValues(collection, id, text).map(
						([name, value]) => [collection.name, toBytes(id), name, digest(value)] as const,
					),
				);
				if (entries.length > 0) await connection.rows(addEntries, columnsOf(entries));
				const last = page.at(-1);
				if (!last || page.length < pageSize) break;
				after = last.id;
			}
			await connection.rows(define, [collection.name, definitionOf(collection)]);
		},
	};
}

export type Documents = ReturnType<typeof createDocuments>;

const textOf = ({ text }: Change): string | undefined => text;
const placesOf = (places: readonly Place[]): [string[], Buffer[]] => [
	places.map(({ collection }) => collection),
	places.map(({ id }) => toBytes(id)),
];
/** As PostgreSQL writes an array: each in quotes. */
const keptOf = ({ values }: Change): string =>
	`{${values.map(([name, value]) => JSON.stringify(digest(value).toString('hex') + name)).join(',')}}`;
const columnsOf = (rows: readonly (readonly unknown[])[]): unknown[][] =>
	Array.from({ length: rows[0]?.length ?? 0 }, (_, column) => rows.map(row => row[column]));

/** By which indexes entries are made. Goes by the functions' texts: what they call is not looked at. */
export function definitionOf<T>(collection: Collection<T>): string {
	const { indexes } = collection;
	return JSON.stringify(
		Object.keys(indexes)
			.sort()
			.map(name => [name, String(indexes[name])]),
	);
}
