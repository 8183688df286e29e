import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import type { z } from 'zod';
import type { Clock } from '../../../common/clock.ts';
import { type Exit, startChild } from '../../../common/processes/children.ts';
import { findProgram } from '../../../common/processes/programs.ts';
import { provisionerErrors } from '../../errors.ts';

export interface CephProgramsOptions {
	/** The configuration that every program is given. */
	readonly configuration: string;
	readonly user: string;
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
	/** Ends it; without one, it is ended after the bound alone. */
	readonly signal?: AbortSignal;
	/** Takes long: it ends when it is done, and `bound` is none. */
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
	/** What `rbd --format json` says; `absent` where the image is not there, when it is given. */
	ask<T>(schema: z.ZodType<T>, args: readonly string[], options?: { readonly absent?: T }): Promise<T>;
	/** What `rbd` writes, while it does: it is not read faster than somebody takes it. */
	stream(args: readonly string[], signal: AbortSignal): Promise<Readable>;
}

/** errno(3), of which the programs' exit codes are. */
export const errno = { ENOENT: 2, EBUSY: 16, EEXIST: 17, ENOTEMPTY: 39 } as const;
const away = new Set([103, 104, 107, 108, 110, 111, 112, 113]);
const full = new Set([28, 122]);

/** Bytes of their words that are kept. */
const longest = 64 * 1024 * 1024;

export function createCephPrograms(options: CephProgramsOptions): CephPrograms {
	const { configuration, user, folder, run: name, clock, bound } = options;
	const as = ['--conf', configuration, '--id', user];

	const run: CephPrograms['run'] = async (program, args, how = {}) => {
		const { endings = [0], signal, isLong = false, onProgress } = how;
		signal?.throwIfAborted();
		const pieces: Buffer[] = [];
		let length = 0;
		let said = '';
		const child = await startChild(program, [...as, ...args], {
			run: name,
			folder,
			environment: { CEPH_ARGS: '' },
			onOutput(bytes) {
				length += bytes.length;
				if (length <= longest) pieces.push(bytes);
			},
			onErrorOutput(bytes) {
				const text = bytes.toString('utf8');
				const percent = [...text.matchAll(/(\d+)% complete/g)].at(-1)?.[1];
				if (percent !== undefined) onProgress?.(Number(percent));
				said = (said + text).slice(-4096);
			},
		});
		let isLate = false;
		const kill = (): void => {
			try {
				process.kill(child.pid, 'SIGKILL');
			} catch {
				// It has just ended.
			}
		};
		const cancel = isLong
			? () => undefined
			: clock.after(bound, () => {
					isLate = true;
					kill();
				});
		signal?.addEventListener('abort', kill, { once: true });
		const exit = await child.exited;
		cancel();
		signal?.removeEventListener('abort', kill);
		signal?.throwIfAborted();
		if (isLate) {
			throw provisionerErrors.StorageAway(`Ceph does not answer: ${program} ${args[0]} took too long.`);
		}
		if (length > longest) throw provisionerErrors.StorageFault(`${program} ${args[0]} says too much`);
		if (exit.code !== null && endings.includes(exit.code) && !hasNoCluster(said)) {
			return { code: exit.code, out: Buffer.concat(pieces).toString('utf8') };
		}
		throw faultOf(`${program} ${args[0]}`, exit, said);
	};

	return {
		run,
		async ask(schema, args, { absent } = {}) {
			const endings = absent === undefined ? [0] : [0, errno.ENOENT];
			const { code, out } = await run('rbd', ['--format', 'json', ...args], { endings });
			if (code === errno.ENOENT && absent !== undefined) return absent;
			let said: unknown;
			try {
				said = JSON.parse(out);
			} catch {
				said = undefined;
			}
			const read = schema.safeParse(said);
			if (read.success) return read.data;
			throw provisionerErrors.StorageFault(`rbd ${args[0]} says what we do not understand`, {
				cause: read.error,
			});
		},
		async stream(args, signal) {
			signal.throwIfAborted();
			const [setpriv, rbd] = await Promise.all([findProgram('setpriv'), findProgram('rbd')]);
			const child = spawn(setpriv, ['--pdeathsig', 'KILL', '--', rbd, ...as, ...args], {
				cwd: folder,
				env: { ...process.env, CEPH_ARGS: '', BIMETAL_RUN: name },
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
			signal.addEventListener('abort', kill, { once: true });
			async function* bytes(): AsyncGenerator<Buffer> {
				try {
					yield* child.stdout as AsyncIterable<Buffer>;
					const exit = await exited;
					signal.throwIfAborted();
					if (exit.code !== 0) throw faultOf(`rbd ${args[0]}`, exit, said);
				} finally {
					kill();
					signal.removeEventListener('abort', kill);
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
