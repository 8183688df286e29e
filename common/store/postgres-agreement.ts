import { z } from 'zod';
import type { Connection, Statement } from './postgres-connection.ts';

/** An advisory lock has two numbers: the first is what it is about, the second what was said of it. */
const say: Statement<unknown> = {
	name: 'say',
	row: z.unknown(),
	text: 'SELECT pg_try_advisory_lock_shared(hashtext($1), hashtext($2))',
};
const takeBack: Statement<unknown> = {
	name: 'take-back',
	row: z.unknown(),
	text: 'SELECT pg_advisory_unlock_shared(hashtext($1), hashtext($2))',
};
const contradictions: Statement<{ n: number }> = {
	name: 'contradictions',
	row: z.object({ n: z.coerce.number().int() }),
	text: `SELECT count(*) AS n FROM pg_locks
		WHERE locktype = 'advisory' AND objsubid = 2 AND granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
			AND classid::bigint = hashtext($1)::bigint & 4294967295
			AND objid::bigint <> hashtext($2)::bigint & 4294967295`,
};

/**
 * Has a session say something of a topic for as long as it lasts. False when another session says something else of it; then
 * this one says nothing. Of two that come at once with different words, neither may stay.
 */
export async function agree(
	connection: Connection,
	{ schema, topic, words }: { readonly schema: string; readonly topic: string; readonly words: string },
): Promise<boolean> {
	const about = `bimetal ${schema} ${topic}`;
	await connection.rows(say, [about, words]);
	const [found] = await connection.rows(contradictions, [about, words]);
	if (found?.n === 0) return true;
	await connection.rows(takeBack, [about, words]);
	return false;
}
