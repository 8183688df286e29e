import { z } from 'zod';
import { decodeDocument } from './document-text.ts';
import type { Connection, Statement } from './postgres-connection.ts';
import { toBytes, toText } from './postgres-ids.ts';
import type { Collection, Written } from './store.ts';

/** Commits of which it is kept what they wrote, and documents that one can have written for that. */
const mostKept = 1000;
const mostDocuments = 20_000;

const commit: Statement<{ generation: string }> = {
	name: 'commit',
	row: z.object({ generation: z.string() }),
	// Parts of WITH that write are carried out whether they are asked for anything or not.
	text: `WITH own AS (
			INSERT INTO writers (writer, last, at) VALUES ($1, $2, now())
				ON CONFLICT (writer) DO UPDATE SET last = excluded.last, at = excluded.at
		), next AS (
			UPDATE head SET generation = generation + 1 RETURNING generation
		), made AS (
			INSERT INTO commits (generation, collections, ids) SELECT generation, $3::text[], $4::bytea[] FROM next
		)
		SELECT generation::text, pg_notify($5, $1::text) FROM next`,
};

const forget: Statement<unknown> = {
	name: 'forget-commits',
	row: z.unknown(),
	text: 'DELETE FROM commits WHERE generation <= $1::bigint - $2::bigint',
};

const since: Statement<{ known: boolean }> = {
	name: 'commits-since',
	row: z.object({ known: z.boolean() }),
	// Those that are missing were made by another version of this program, or have made room.
	text: `SELECT count(*) = $2::bigint - $1::bigint AND count(*) = count(ids) AS known
		FROM commits WHERE generation > $1::bigint`,
};

const written: Statement<{ collection: string; id: Buffer; document: string | null }> = {
	name: 'written-since',
	row: z.object({ collection: z.string(), id: z.instanceof(Buffer), document: z.string().nullable() }),
	// Not a join, of which PostgreSQL chooses the order.
	text: `SELECT collection, id,
			(SELECT d.document FROM documents d WHERE d.collection = each.collection AND d.id = each.id) AS document
		FROM (
			SELECT DISTINCT one.collection, one.id FROM commits, unnest(collections, ids) AS one (collection, id)
			WHERE generation > $1::bigint AND one.collection = ANY ($2::text[])
		) AS each`,
};

/** A document that was written. */
interface Place {
	readonly collection: string;
	readonly id: string;
}

/**
 * Makes the transaction that the connection is in a commit of a writer's, its `number`th, and has the server tell those who
 * listen to the channel, once it is committed. Returns the store's new generation.
 */
export async function noteCommit(
	connection: Connection,
	{
		writer,
		number,
		written: places,
		channel,
	}: {
		readonly writer: string;
		readonly number: number;
		readonly written: readonly Place[];
		readonly channel: string;
	},
): Promise<string | undefined> {
	// Too many are not told one by one.
	const told = places.length > mostDocuments ? undefined : places;
	const collections = told?.map(({ collection }) => collection) ?? null;
	const ids = told?.map(({ id }) => toBytes(id)) ?? null;
	const [made] = await connection.rows(commit, [writer, number, collections, ids, channel]);
	if (made && Number(made.generation) % 100 === 0) await connection.rows(forget, [made.generation, mostKept]);
	return made?.generation;
}

/**
 * What was written to some collections after one generation, by the next one up to another, as it is in the transaction that
 * the connection is in; `unknown` where not all of that is kept.
 */
export async function writtenSince(
	connection: Connection,
	{ after, until }: { readonly after: string; readonly until: string },
	collections: ReadonlyMap<string, Pick<Collection<unknown>, 'name' | 'schema'>>,
): Promise<Written[] | 'unknown'> {
	const [[found], rows] = await Promise.all([
		connection.rows(since, [after, until]),
		connection.rows(written, [after, [...collections.keys()]]),
	]);
	if (!found?.known) return 'unknown';
	return rows.flatMap(({ collection: name, id: bytes, document }) => {
		const collection = collections.get(name);
		if (!collection) return [];
		const id = toText(bytes);
		const current = document === null ? undefined : decodeDocument(collection, id, document);
		return [{ collection: name, id, document: current }];
	});
}
