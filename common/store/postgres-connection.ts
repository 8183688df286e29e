import { readFile } from 'node:fs/promises';
import type { QueryResult } from 'pg';
import { z } from 'zod';
import { BimetalError } from '../errors/bimetal-error.ts';
import { storeFailed, storeLocked } from './errors.ts';
import { nameOf, type PostgresOptions } from './postgres-options.ts';

/** A statement that the server keeps prepared, and the shape of the rows that it answers with. */
export interface Statement<Row> {
	readonly name: string;
	readonly text: string;
	readonly row: z.ZodType<Row>;
}

/** One session of the server's. Its statements run in the order in which they were asked for. */
export interface Connection {
	/** No more can be asked for: it broke, or was closed. */
	readonly isLost: boolean;
	/** Rejects with a BimetalError that has PostgreSQL's own as its cause. */
	rows<Row>(statement: Statement<Row>, values: readonly unknown[]): Promise<Row[]>;
	/** One or several statements without values; the last one's rows. */
	batch<Row>(text: string, row: z.ZodType<Row>): Promise<Row[]>;
	run(text: string): Promise<void>;
	/** COMMIT; rejects too when the server rolled back instead. */
	commit(): Promise<void>;
	/** Ends it at once, whatever is under way. */
	drop(): void;
	end(): Promise<void>;
}

/** SQLSTATE, PostgreSQL's appendix A. */
const serializationFailure = '40001';
const deadlockDetected = '40P01';
const lockNotAvailable = '55P03';

export interface ConnectionEvents {
	/** Somebody notified a channel that this session listens to. */
	notified(payload: string): void;
	/** It broke, or was closed. */
	lost(): void;
}

/** @throws BimetalError StoreFailed */
export async function connectPostgres(
	options: PostgresOptions,
	events?: ConnectionEvents,
): Promise<Connection> {
	const { host, port, database, user, schema, patience = 30_000 } = options;
	const where = nameOf(options);
	const { default: pg } = await import('pg');
	const [password, ca] = await Promise.all(
		[options.password, options.ca].map(file => (file === undefined ? undefined : readFile(file, 'utf8'))),
	);
	const client = new pg.Client({
		host,
		port,
		database,
		user,
		// Always a function: without one, environment variables and files of the user's would be asked.
		password: async () => {
			if (password === undefined) throw new Error('the server wants a password: give `password`');
			return password.trim();
		},
		ssl: ca === undefined ? false : { ca, minVersion: 'TLSv1.2' },
		application_name: `bimetal ${schema}`,
		keepAlive: true,
		// What is asked for at once is sent at once, one behind the other.
		pipeline: true,
		connectionTimeoutMillis: patience,
		statement_timeout: patience,
		lock_timeout: patience,
		// Whoever takes its turn and then stands still is put out, so that the others go on.
		idle_in_transaction_session_timeout: patience,
		// For a server that does not answer at all.
		query_timeout: patience + 5000,
	});
	let isLost = false;
	const lose = (): void => {
		if (isLost) return;
		isLost = true;
		events?.lost();
	};
	if (events) client.on('notification', ({ payload = '' }) => events.notified(payload));
	client.on('error', lose);
	client.on('end', lose);
	const drop = (): void => {
		lose();
		client.connection.stream.destroy();
	};
	let isOpen = false;
	let isGathering = false;
	/** What is asked for before anybody waits for anything leaves in one piece: a system call for each takes longer than the rest. */
	const gather = (): void => {
		if (isGathering) return;
		isGathering = true;
		const { stream } = client.connection;
		stream.cork();
		const send = (): void => {
			isGathering = false;
			stream.uncork();
		};
		queueMicrotask(() => process.nextTick(send));
	};
	const ask = async <R>(call: () => Promise<R>): Promise<R> => {
		if (isLost) throw storeFailed(where, false, new Error('the connection was lost'));
		if (isOpen) gather();
		try {
			return await call();
		} catch (error) {
			// Whatever the server did not say itself may be in the middle of an answer.
			if (!isAnswer(error)) drop();
			if (sqlState(error) === lockNotAvailable) throw storeLocked(where, 'another writer, for too long');
			throw storeFailed(where, false, error);
		}
	};
	const connection: Connection = {
		get isLost() {
			return isLost;
		},
		rows: ({ name, text, row }, values) =>
			ask(async () => {
				const { rows } = await client.query({ name, text, values: [...values] });
				return z.array(row).parse(rows);
			}),
		batch: (text, row) =>
			ask(async () => {
				// Of several statements it gives as many results.
				const results = [(await client.query(text)) as QueryResult | QueryResult[]].flat();
				return z.array(row).parse(results.at(-1)?.rows);
			}),
		run: text => ask(async () => void (await client.query(text))),
		commit: () =>
			ask(async () => {
				const { command } = await client.query('COMMIT');
				if (command !== 'COMMIT') throw new Error(`the server answered ${command} to COMMIT`);
			}),
		drop,
		async end() {
			if (isLost) return;
			await client.end().catch(() => drop());
		},
	};
	try {
		await ask(() => client.connect());
		isOpen = true;
		await connection.run(sessionSettings(schema));
		return connection;
	} catch (fault) {
		drop();
		throw fault;
	}
}

/**
 * All that is asked for is found by a key, in the order of the keys: so no plan depends on statistics, which new tables do
 * not have.
 */
const sessionSettings = (schema: string): string => `
	SET search_path TO "${schema}"; SET client_min_messages TO warning;
	SET enable_seqscan TO off; SET enable_bitmapscan TO off; SET enable_hashjoin TO off; SET enable_mergejoin TO off;
	SET jit TO off; SET tcp_keepalives_idle TO 10; SET tcp_keepalives_interval TO 5; SET tcp_keepalives_count TO 3;
	SELECT set_config('synchronous_commit', 'on', false)
		WHERE current_setting('synchronous_commit') IN ('off', 'local')`;

/** What the server itself said: the session goes on, unless it was fatal. */
function isAnswer(error: unknown): boolean {
	const severity = error instanceof Error && 'severity' in error ? error.severity : undefined;
	return severity === 'ERROR' && sqlState(error) !== undefined;
}

function sqlState(error: unknown): string | undefined {
	if (!(error instanceof Error) || !('code' in error)) return undefined;
	return typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code) ? error.code : undefined;
}

/** It met what somebody wrote at the same time, and may come to pass when it is tried again. */
export function isConflict(error: unknown): boolean {
	const state = error instanceof BimetalError ? sqlState(error.cause) : undefined;
	return state === serializationFailure || state === deadlockDetected;
}
