import { spawn } from 'node:child_process';
import type { Confinement } from '../../../common/processes/confinement.ts';
import { findProgram } from '../../../common/processes/programs.ts';
import { provisionerErrors } from '../../errors.ts';

export interface QemuImgOptions {
	readonly folder: string;
	readonly signal?: AbortSignal | undefined;
	/** Per cent, where the command tells. */
	readonly onProgress?: ((percent: number) => void) | undefined;
	/** How it may end; 0 when absent. */
	readonly endings?: readonly number[] | undefined;
	/** For what reads files that strangers have made. */
	readonly confined?: Confinement | undefined;
	/** Numbers of open files that it is handed, as 3, 4 and so on. */
	readonly files?: readonly number[] | undefined;
	/** Milliseconds. */
	readonly timeout?: number | undefined;
}

/** Bytes of its words that are kept. */
const longestOutput = 1024 * 1024;

/**
 * Runs qemu-img(1); its standard output.
 * @throws StorageFull, or StorageFault with its own words; what `signal` is aborted with
 */
export async function qemuImg(args: readonly string[], options: QemuImgOptions): Promise<string> {
	const { folder, signal, onProgress, endings = [0], confined, files = [], timeout } = options;
	signal?.throwIfAborted();
	const [program, setpriv] = await Promise.all([findProgram('qemu-img'), findProgram('setpriv')]);
	const through = confined ?? { program: setpriv, args: ['--pdeathsig', 'KILL', '--'] };
	const child = spawn(through.program, [...through.args, program, ...args], {
		cwd: folder,
		stdio: ['ignore', 'pipe', 'pipe', ...files],
		// Each arena of memory takes addresses, of which there is a limit, whether it is used or not.
		...(confined && { env: { PATH: process.env.PATH, LC_ALL: 'C', MALLOC_ARENA_MAX: '2' } }),
		...(timeout !== undefined && { timeout, killSignal: 'SIGKILL' as const }),
	});
	const kill = (): void => void child.kill('SIGKILL');
	signal?.addEventListener('abort', kill, { once: true });
	let out = '';
	let err = '';
	const { stdout, stderr } = child;
	if (!stdout || !stderr) throw new Error('no pipes');
	stdout.on('data', (bytes: Buffer) => {
		const text = bytes.toString('utf8');
		if (onProgress) {
			const [, percent] = /\(([\d.]+)\/100%\)\s*$/.exec(text) ?? [];
			if (percent !== undefined) onProgress(Number(percent));
		} else if (out.length < longestOutput) out += text;
	});
	stderr.on('data', (bytes: Buffer) => {
		if (err.length < longestOutput) err += bytes.toString('utf8');
	});
	const [code, by] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
		child.once('error', reject);
		child.once('close', (...how) => resolve(how));
	}).finally(() => signal?.removeEventListener('abort', kill));
	signal?.throwIfAborted();
	if (code !== null && endings.includes(code)) return out;
	const words = err.trim().replace(/^qemu-img: /, '') || `it ended with ${code ?? by}`;
	if (/No space left on device/i.test(words)) throw provisionerErrors.StorageFull('The storage is full.');
	throw provisionerErrors.StorageFault(`qemu-img ${args[0]}: ${words}`);
}
