import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { z } from 'zod';
import type { Clock } from '../../../common/clock.ts';
import { type Exit, runMarker, startChild } from '../../../common/processes/children.ts';
import { findProgram } from '../../../common/processes/programs.ts';
import { provisionerErrors } from '../../errors.ts';
import { createWatched, type Watched } from './watched.ts';

export interface CephProgramsOptions {
	/** The configuration that every program is given. */
	readonly configuration: string;
	readonly user: string;
	/** By which it is asked whether Ceph is there. */
	readonly pool: string;
	/** The working folder. */
	readonly folder: string;
	/** Names the processes; see common/processes/children.ts. */
	readonly run: string;
	readonly clock: Clock;
	/** Milliseconds that a short command may take. */
	readonly bound: number;
}

export interface RunOptions {
	/** Exit codes, which are those of errno(3), that are answers; 0 when absent. */
	readonly endings?: readonly number[];
	readonly signal?: AbortSignal;
	/** It takes as long as it takes, while Ceph is there. */
	readonly isLong?: boolean;
	/** Per cent, where the command tells. */
	readonly onProgress?: (percent: number) => void;
}

/** Ceph's programs, as one user. */
export interface CephPrograms {
	/**
	 * Runs one.
	 * @throws StorageAway, StorageFull, NotThere, InUse, or StorageFault with its own words; what `signal` is aborted with
	 */
	run(
		program: 'rbd' | 'ceph',
		args: readonly string[],
		options?: RunOptions,
	): Promise<{ readonly code: number; readonly out: string }>;
	/** What one says as JSON; `absent` where what it is asked about is not there, when that is given. */
	ask<T>(
		schema: z.ZodType<T>,
		program: 'rbd' | 'ceph',
		args: readonly string[],
		options?: { readonly absent?: T; readonly isLong?: boolean },
	): Promise<T>;
	/** What `rbd` writes, while it does: it is not read faster than somebody takes it. */
	stream(args: readonly string[], signal: AbortSignal): Promise<Readable>;
	/** Images of the pool, whosever they are. */
	names(): Promise<readonly string[]>;
	/** For what speaks to Ceph otherwise: ends it when Ceph is away. */
	readonly watched: Watched;
}

/** errno(3), of which the programs' exit codes are. */
export const errno = { ENOENT: 2, EBUSY: 16, EEXIST: 17, ENOTEMPTY: 39 } as const;
const away = new Set([103, 104, 107, 108, 110, 111, 112, 113]);
const full = new Set([28, 122]);

const namesSchema = z.array(z.string());

/** Bytes of their words that are kept. */
const longest = 64 * 1024 * 1024;

export function createCephPrograms(options: CephProgramsOptions): CephPrograms {
	const { configuration, user, pool, folder, run: name, clock, bound } = options;
	const as = ['--conf', configuration, '--id', user];

	const spawned = async (
		program: 'rbd' | 'ceph',
		args: readonly string[],
		{ endings = [0], onProgress }: RunOptions,
		{ signal, isAlive }: { readonly signal: AbortSignal | undefined; readonly isAlive?: () => void },
	): Promise<{ code: number; out: string }> => {
		signal?.throwIfAborted();
		const pieces: Buffer[] = [];
		let length = 0;
		let said = '';
		const child = await startChild(program, [...as, ...args], {
			run: name,
			folder,
			environment: { CEPH_ARGS: '' },
			onOutput(bytes) {
				isAlive?.();
				length += bytes.length;
				if (length <= longest) pieces.push(bytes);
			},
			onErrorOutput(bytes) {
				isAlive?.();
				const text = bytes.toString('utf8');
				const percent = [...text.matchAll(/(\d+)% complete/g)].at(-1)?.[1];
				if (percent !== undefined) onProgress?.(Number(percent));
				said = (said + text).slice(-4096);
			},
		});
		const kill = (): void => {
			try {
				process.kill(child.pid, 'SIGKILL');
			} catch {
				// It has just ended.
			}
		};
		if (signal?.aborted) kill();
		signal?.addEventListener('abort', kill, { once: true });
		const exit = await child.exited;
		signal?.removeEventListener('abort', kill);
		signal?.throwIfAborted();
		if (length > longest) throw provisionerErrors.StorageFault(`${program} ${args[0]} says too much`);
		if (exit.code !== null && endings.includes(exit.code) && !hasNoCluster(said)) {
			return { code: exit.code, out: Buffer.concat(pieces).toString('utf8') };
		}
		throw faultOf(`${program} ${args[0]}`, exit, said);
	};

	const run: CephPrograms['run'] = async (program, args, how = {}) => {
		const { signal, isLong = false } = how;
		if (isLong) {
			return watched(signal, (stop, isAlive) => spawned(program, args, how, { signal: stop, isAlive }));
		}
		const late = new AbortController();
		const cancel = clock.after(bound, () =>
			late.abort(provisionerErrors.StorageAway(`Ceph does not answer: ${program} ${args[0]} took too long.`)),
		);
		try {
			const until = signal ? AbortSignal.any([signal, late.signal]) : late.signal;
			return await spawned(program, args, how, { signal: until });
		} finally {
			cancel();
		}
	};

	const ask: CephPrograms['ask'] = async (schema, program, args, { absent, isLong } = {}) => {
		const endings = absent === undefined ? [0] : [0, errno.ENOENT];
		const how = { endings, ...(isLong && { isLong }) };
		const { code, out } = await run(program, ['--format', 'json', ...args], how);
		if (code === errno.ENOENT && absent !== undefined) return absent;
		let said: unknown;
		try {
			said = JSON.parse(out);
		} catch {
			said = undefined;
		}
		const read = schema.safeParse(said);
		if (read.success) return read.data;
		throw provisionerErrors.StorageFault(`${program} ${args[0]} says what we do not understand`, {
			cause: read.error,
		});
	};

	const names = () => ask(namesSchema, 'rbd', ['ls', pool]);
	const watched = createWatched({ clock, bound, probe: names });

	return {
		run,
		ask,
		names,
		watched,
		async stream(args, signal) {
			signal.throwIfAborted();
			const [setpriv, rbd] = await Promise.all([findProgram('setpriv'), findProgram('rbd')]);
			const child = spawn(setpriv, ['--pdeathsig', 'KILL', '--', rbd, ...as, ...args], {
				cwd: folder,
				env: { ...process.env, CEPH_ARGS: '', [runMarker]: name },
				stdio: ['ignore', 'pipe', 'pipe'],
			});
			let said = '';
			child.stderr.on('data', (bytes: Buffer) => {
				said = (said + bytes.toString('utf8')).slice(-4096);
			});
			const exited = new Promise<Exit>(resolve => {
				child.once('close', (code, by) => resolve({ code, signal: by }));
				child.once('error', () => resolve({ code: null, signal: null }));
			});
			const kill = (): void => void child.kill('SIGKILL');
			let isAlive: () => void = () => undefined;
			const over = watched(signal, async (stop, alive) => {
				isAlive = alive;
				if (stop.aborted) kill();
				stop.addEventListener('abort', kill, { once: true });
				const exit = await exited;
				stop.throwIfAborted();
				if (exit.code !== 0) throw faultOf(`rbd ${args[0]}`, exit, said);
			});
			over.catch(() => undefined);
			async function* bytes(): AsyncGenerator<Buffer> {
				try {
					for await (const piece of child.stdout as AsyncIterable<Buffer>) {
						isAlive();
						yield piece;
					}
					await over;
				} finally {
					kill();
				}
			}
			return Readable.from(bytes(), { objectMode: false }).once('close', kill);
		},
	};
}

/** Then its exit code is of that, and not of what was asked: ENOENT means that a key is missing. */
const hasNoCluster = (said: string): boolean =>
	/connect(ing)? to the cluster|error opening pool|unable to open config/i.test(said);

function faultOf(what: string, exit: Exit, said: string) {
	// `ceph` ends with 1 whatever it was, and writes the number.
	const [, written] = /\[errno (\d+)\]/i.exec(said) ?? [];
	const code = written === undefined ? exit.code : Number(written);
	const words = said
		.split(/[\n\r]/)
		.map(line => line.trim())
		.filter(line => line !== '' && !/% complete/.test(line))
		// Its libraries tell where in them something was noticed; the program itself, what.
		.filter((line, _, all) => line.startsWith('rbd:') || !all.some(other => other.startsWith('rbd:')))
		.join('; ');
	const message = `${what}: ${words || `it ended with ${code ?? exit.signal}`}`;
	if (code === null) return provisionerErrors.StorageFault(message);
	if (away.has(code)) return provisionerErrors.StorageAway(`Ceph does not answer: ${message}`);
	if (full.has(code)) return provisionerErrors.StorageFull('The storage is full.');
	if (code === 13 || /Operation not permitted|Permission denied/i.test(said)) {
		return provisionerErrors.StorageFault(
			`Ceph does not let its user do that: see docs/provisioner.md for what he must be given. ${message}`,
		);
	}
	if (hasNoCluster(said)) return provisionerErrors.StorageFault(message);
	if (code === errno.ENOENT) return provisionerErrors.NotThere(message);
	if (code === errno.ENOTEMPTY) return provisionerErrors.InUse(message);
	return provisionerErrors.StorageFault(message);
}
