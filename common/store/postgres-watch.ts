import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type Clock, systemClock } from '../clock.ts';
import { type Connection, connectPostgres, type Statement } from './postgres-connection.ts';
import type { PostgresOptions } from './postgres-options.ts';
import type { Candidate, Others, Standing } from './store.ts';

/** Milliseconds between two signs of life, and between two tries of what does not answer. */
const beat = 1000;
/** After so many milliseconds without one the server ends the session, and somebody else can have the lead. */
const silence = 10_000;
/** What is sent by then has come there before the server ends it: clocks are not the same, and messages take time. */
const margin = 2000;
/** Milliseconds that who has resigned leaves to others. */
const rest = 3000;

const tryLocks: Statement<{ role: string; held: boolean }> = {
	name: 'try-locks',
	row: z.object({ role: z.string(), held: z.boolean() }),
	text: 'SELECT role, pg_try_advisory_lock(hashtextextended($1 || role, 0)) AS held FROM unnest($2::text[]) AS role',
};
const unlock: Statement<unknown> = {
	name: 'unlock',
	row: z.unknown(),
	text: 'SELECT pg_advisory_unlock(hashtextextended($1, 0))',
};

interface Place {
	readonly role: string;
	readonly candidate: Candidate;
	isHeld: boolean;
	/** Not to be tried before: milliseconds of the clock's. */
	restsUntil: number;
	wasTried(): void;
}

export interface PostgresWatch extends Pick<Others, 'onNews' | 'stand'> {
	/** What those who write are to notify. */
	readonly channel: string;
	close(): Promise<void>;
}

/**
 * A session beside the one for transactions, opened when it is first asked for something. It listens to what other writers
 * notify, and holds an advisory lock of the server's for each role that this process leads in. Locks go with their session, and
 * the server ends it when nothing was heard for ten seconds: so the lead passes on when a process dies, hangs or is cut off.
 */
export function createPostgresWatch(
	options: PostgresOptions,
	writer: string,
	clock: Clock = systemClock,
): PostgresWatch {
	const { schema } = options;
	// Names of channels are 63 bytes at most.
	const channel = `bimetal_${createHash('sha256').update(schema).digest('hex').slice(0, 32)}`;
	const prefix = `bimetal ${schema} leads `;
	const listeners: (() => void)[] = [];
	const places = new Map<string, Place>();
	let connection: Connection | undefined;
	/** When what was answered last was asked: by both hands of the clock, one of which stands still while a machine sleeps. */
	let confirmed = { elapsed: Number.NEGATIVE_INFINITY, now: Number.NEGATIVE_INFINITY };
	let running: Promise<void> | undefined;
	let isWanted = false;
	let isClosed = false;
	let cancelTimer: () => void = () => undefined;

	const tell = (): void => {
		for (const listener of listeners) listener();
	};

	function loseAll(): void {
		for (const place of places.values()) lose(place);
	}

	function lose(place: Place): void {
		if (!place.isHeld) return;
		place.isHeld = false;
		place.candidate.lost();
	}

	function wake(): void {
		isWanted = true;
		if (running || isClosed) return;
		cancelTimer();
		isWanted = false;
		running = run().finally(() => {
			running = undefined;
			if (isClosed) return;
			if (isWanted) wake();
			else cancelTimer = clock.after(beat, wake);
		});
	}

	async function run(): Promise<void> {
		try {
			await lookAfter(connection && !connection.isLost ? connection : await open());
		} catch {
			// The store's own session says what is wrong to whoever asks it; here it is tried again.
			connection?.drop();
			loseAll();
		}
		for (const place of places.values()) place.wasTried();
	}

	async function open(): Promise<Connection> {
		const opened = await connectPostgres(
			{ ...options, patience: silence / 2 },
			{
				notified: payload => void (payload !== writer && tell()),
				lost: () => connection === opened && loseAll(),
			},
		);
		connection = opened;
		await opened.run(`SET idle_session_timeout TO ${silence}; LISTEN ${channel}`);
		// What was notified meanwhile is lost.
		tell();
		return opened;
	}

	async function lookAfter(asked: Connection): Promise<void> {
		const at = { elapsed: clock.elapsed(), now: clock.now() };
		const wanted = [...places.values()].filter(
			({ isHeld, restsUntil }) => !isHeld && restsUntil <= at.elapsed,
		);
		const answers = await asked.rows(tryLocks, [prefix, wanted.map(({ role }) => role)]);
		confirmed = at;
		const held = new Set(answers.filter(each => each.held).map(({ role }) => role));
		for (const place of wanted) {
			if (!held.has(place.role)) continue;
			if (places.get(place.role) !== place) await asked.rows(unlock, [prefix + place.role]);
			else {
				place.isHeld = true;
				place.candidate.won();
			}
		}
	}

	const isFresh = (): boolean => {
		const passed = Math.max(clock.elapsed() - confirmed.elapsed, clock.now() - confirmed.now);
		return connection?.isLost === false && passed < silence - margin;
	};

	/** Others can have it as soon as the server has heard of it, or the session ends. */
	async function giveBack(place: Place): Promise<void> {
		if (!place.isHeld) return;
		lose(place);
		await connection?.rows(unlock, [prefix + place.role]).catch(() => connection?.drop());
	}

	function stand(role: string, candidate: Candidate): Standing {
		if (places.has(role)) throw new Error(`this process stands for ${role} already`);
		let wasTried = (): void => undefined;
		const tried = new Promise<void>(resolve => {
			wasTried = resolve;
		});
		const place: Place = { role, candidate, isHeld: false, restsUntil: 0, wasTried };
		places.set(role, place);
		wake();
		return {
			tried,
			isHeld: () => place.isHeld && isFresh(),
			resign() {
				place.restsUntil = clock.elapsed() + rest;
				void giveBack(place);
			},
			async standDown() {
				if (places.get(role) !== place) return;
				places.delete(role);
				wasTried();
				await giveBack(place);
			},
		};
	}

	return {
		channel,
		onNews(listener) {
			listeners.push(listener);
			wake();
		},
		stand,
		async close() {
			isClosed = true;
			cancelTimer();
			await running;
			loseAll();
			await connection?.end();
		},
	};
}
