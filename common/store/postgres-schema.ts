import { z } from 'zod';
import { storeCorrupt, storeFailed, storeUnsupported } from './errors.ts';
import type { Connection } from './postgres-connection.ts';
import { nameOf, type PostgresOptions } from './postgres-options.ts';

const schemaVersion = 2;
/** Of the advisory lock under which tables are made; any number that nobody else has: `BIMT`. */
const making = 0x42494d54;

/**
 * Ids are their UTF-16 code units, big-endian, because bytea sorts by bytes and the store sorts ids by code unit. Values of
 * indexes are SHA-256 digests: they may be longer than a row of an index can be. Nothing is ever in `turns`: whoever writes
 * locks it. `commits` has which documents the latest commits wrote, so that others need not read all anew; nothing, of a commit
 * that wrote very many.
 */
const commits = `
	CREATE TABLE commits (generation bigint PRIMARY KEY, collections text[], ids bytea[])`;
const tables = `
	CREATE TABLE documents (
		collection text COLLATE "C" NOT NULL, id bytea NOT NULL, document text NOT NULL, PRIMARY KEY (collection, id)
	);
	CREATE TABLE index_entries (
		collection text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL, value bytea NOT NULL, id bytea NOT NULL,
		PRIMARY KEY (collection, name, value, id)
	);
	CREATE INDEX index_entries_of_document ON index_entries (collection, id);
	CREATE TABLE index_definitions (collection text COLLATE "C" PRIMARY KEY, definition text NOT NULL);
	CREATE TABLE head (
		single boolean PRIMARY KEY DEFAULT true CHECK (single), version integer NOT NULL, generation bigint NOT NULL
	);
	CREATE TABLE writers (writer uuid PRIMARY KEY, last bigint NOT NULL, at timestamptz NOT NULL);
	CREATE TABLE turns ();${commits};
	INSERT INTO head (version, generation) VALUES (${schemaVersion}, 0)`;

const settings = z.object({
	fsync: z.string(),
	encoding: z.string(),
	tables: z.string(),
	has_head: z.boolean(),
});

/**
 * Makes the tables in a schema that has none, and checks whose they are and of which version.
 *
 * @throws BimetalError StoreCorrupt (another program's tables), StoreUnsupported (a newer version; a server that does not
 * sync, or stores other text than UTF-8), StoreFailed
 */
export async function prepareSchema(connection: Connection, options: PostgresOptions): Promise<void> {
	const where = nameOf(options);
	await connection.run(`BEGIN; SELECT pg_advisory_xact_lock(${making})`);
	try {
		const [schema] = await connection.batch(
			`SELECT 1 FROM pg_namespace WHERE nspname = '${options.schema}'`,
			z.object({}),
		);
		if (!schema) await connection.run(`CREATE SCHEMA "${options.schema}"`);
		const [found] = await connection.batch(
			`SELECT current_setting('fsync') AS fsync, current_setting('server_encoding') AS encoding,
				(SELECT count(*) FROM pg_class WHERE relnamespace = '"${options.schema}"'::regnamespace)::text AS tables,
				to_regclass('"${options.schema}".head') IS NOT NULL AS has_head`,
			settings,
		);
		if (!found) throw storeFailed(where, false, new Error('the server told nothing of itself'));
		if (found.fsync !== 'on')
			throw storeUnsupported(where, 'the server does not sync what it writes (fsync)');
		if (found.encoding !== 'UTF8')
			throw storeUnsupported(where, `its encoding is ${found.encoding}, not UTF8`);
		if (!found.has_head && found.tables !== '0') throw storeCorrupt(where, "another program's tables");
		if (!found.has_head) await connection.run(tables);
		const [head] = await connection.batch('SELECT version FROM head', z.object({ version: z.int() }));
		if (!head || head.version > schemaVersion) {
			const version = head?.version ?? 'unknown';
			throw storeUnsupported(where, `its version ${version} is newer than this program's ${schemaVersion}`);
		}
		if (head.version === 1) await connection.run(`${commits}; UPDATE head SET version = ${schemaVersion}`);
		await connection.run("DELETE FROM writers WHERE at < now() - interval '30 days'");
		await connection.commit();
	} catch (fault) {
		if (!connection.isLost) await connection.run('ROLLBACK');
		throw fault;
	}
}
