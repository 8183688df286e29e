import { createHash } from 'node:crypto';
import { z } from 'zod';
import { decodeDocument, indexValues } from './document-text.ts';
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
const list = statement(
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
/** Each call is one statement: what a transaction costs is mostly the way there and back. Parts of WITH see what was before it. */
const put = statement(
	'put',
	nothing,
	`WITH document AS (
			INSERT INTO documents (collection, id, document) VALUES ($1, $2, $3)
				ON CONFLICT (collection, id) DO UPDATE SET document = excluded.document
		), gone AS (
			DELETE FROM index_entries WHERE collection = $1 AND id = $2
				AND (name, value) NOT IN (SELECT name, value FROM unnest($4::text[], $5::bytea[]) AS entries (name, value))
		)
		INSERT INTO index_entries (collection, id, name, value)
		SELECT $1, $2, name, value FROM unnest($4::text[], $5::bytea[]) AS entries (name, value) ON CONFLICT DO NOTHING`,
);
const insert = statement(
	'insert',
	nothing,
	`WITH document AS (
			INSERT INTO documents (collection, id, document) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING 1
		), made AS (
			INSERT INTO index_entries (collection, id, name, value)
			SELECT $1, $2, name, value FROM unnest($4::text[], $5::bytea[]) AS entries (name, value)
			WHERE EXISTS (SELECT FROM document)
		)
		SELECT FROM document`,
);
const remove = statement(
	'remove',
	nothing,
	`WITH gone AS (DELETE FROM index_entries WHERE collection = $1 AND id = $2)
		DELETE FROM documents WHERE collection = $1 AND id = $2 RETURNING 1`,
);
const addEntries = statement(
	'add-entries',
	nothing,
	`INSERT INTO index_entries (collection, id, name, value)
		SELECT $1, $2, name, value FROM unnest($3::text[], $4::bytea[]) AS entries (name, value)`,
);
const definition = statement(
	'definition',
	z.object({ definition: z.string() }),
	'SELECT definition FROM index_definitions WHERE collection = $1',
);
const define = statement(
	'define',
	nothing,
	`INSERT INTO index_definitions (collection, definition) VALUES ($1, $2)
		ON CONFLICT (collection) DO UPDATE SET definition = excluded.definition`,
);
const forget = statement('forget', nothing, 'DELETE FROM index_entries WHERE collection = $1');

/** Documents that are looked at together when index entries are made anew. */
const pageSize = 500;

const digest = (value: string): Buffer => createHash('sha256').update(value, 'utf8').digest();

/** What is done to documents and their index entries, within the transaction that the connection is in. */
export function createDocuments(connection: Connection) {
	async function listTexts(
		collection: string,
		{ where, after = '', limit }: ListOptions,
	): Promise<{ id: string; text: string }[]> {
		const values = [collection, toBytes(after), limit ?? null];
		const rows = where
			? await connection.rows(listWhere, [...values, where.index, digest(where.equals)])
			: await connection.rows(list, values);
		return rows.map(row => ({ id: toText(row.id), text: row.document }));
	}

	/** The arguments of what changes a document and its entries. */
	function rowOf<T>(collection: Collection<T>, id: string, text: string): readonly unknown[] {
		const values = indexValues(collection, id, text);
		const names = values.map(([name]) => name);
		const digests = values.map(([, value]) => digest(value));
		return [collection.name, toBytes(id), text, names, digests];
	}

	return {
		async get(collection: string, id: string): Promise<string | undefined> {
			const [found] = await connection.rows(get, [collection, toBytes(id)]);
			return found?.document;
		},
		listTexts,
		async count(collection: string, where: ListOptions['where']): Promise<number> {
			const [found] = where
				? await connection.rows(countWhere, [collection, where.index, digest(where.equals)])
				: await connection.rows(count, [collection]);
			return found?.n ?? 0;
		},
		async put<T>(collection: Collection<T>, id: string, text: string): Promise<void> {
			await connection.rows(put, rowOf(collection, id, text));
		},
		/** False when the id is taken: then nothing is changed. */
		async insert<T>(collection: Collection<T>, id: string, text: string): Promise<boolean> {
			return (await connection.rows(insert, rowOf(collection, id, text))).length > 0;
		},
		async delete(collection: string, id: string): Promise<boolean> {
			return (await connection.rows(remove, [collection, toBytes(id)])).length > 0;
		},
		/** Whether the entries were made by these indexes. Goes by the functions' texts: what they call is not looked at. */
		async hasIndexes<T>(collection: Collection<T>): Promise<boolean> {
			const [found] = await connection.rows(definition, [collection.name]);
			return found?.definition === definitionOf(collection);
		},
		/** Makes the entries of all documents of a collection anew. */
		async rebuildIndexes<T>(collection: Collection<T>): Promise<void> {
			await connection.rows(forget, [collection.name]);
			for (let after = ''; ; ) {
				const page = await listTexts(collection.name, { after, limit: pageSize });
				for (const { id, text } of page) {
					const [name, key, , names, digests] = rowOf(collection, id, text);
					await connection.rows(addEntries, [name, key, names, digests]);
				}
				const last = page.at(-1);
				if (!last || page.length < pageSize) break;
				after = last.id;
			}
			await connection.rows(define, [collection.name, definitionOf(collection)]);
		},
		async list<T>(collection: Collection<T>, options: ListOptions): Promise<{ id: string; document: T }[]> {
			const found = await listTexts(collection.name, options);
			return found.map(({ id, text }) => ({ id, document: decodeDocument(collection, id, text) }));
		},
	};
}

export type Documents = ReturnType<typeof createDocuments>;

const definitionOf = <T>({ indexes }: Collection<T>): string =>
	JSON.stringify(
		Object.keys(indexes)
			.sort()
			.map(name => [name, String(indexes[name])]),
	);
