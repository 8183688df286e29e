import { type ChildProcess, spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { BimetalError } from '../errors/bimetal-error.ts';
import { findProgram } from './programs.ts';

/** What every process that belongs to a run has in its environment, so that it is found when nobody is left who knows it. */
export const runMarker = 'BIMETAL_RUN';
/** Milliseconds for ending by itself. */
const patience = 5000;
/** Lines of standard error that are kept. */
const keptLines = 20;

export interface Exit {
	readonly code: number | null;
	readonly signal: NodeJS.Signals | null;
}

export interface ChildOptions {
	/** Names the run that it belongs to: letters, digits and hyphens. */
	readonly run: string;
	/** The working folder. */
	readonly folder: string;
	/** Beyond our own environment. No secret belongs here: it can be read by whoever may look at processes. */
	readonly environment?: Readonly<Record<string, string>>;
	/** A network namespace to run in, as nsenter(1) takes it; ours where nothing is said. Needs root. */
	readonly network?: string | undefined;
	/**
	 * The user and group that it runs as, by their numbers, and the capabilities that it has all the same (capabilities(7),
	 * `net_admin`). A program that changes its user by itself would outlive us: the kernel then forgets what it was told.
	 */
	readonly as?: { readonly user: number; readonly group: number; readonly capabilities: readonly string[] };
	/** How far it steps back for others when the processor is busy, 0 to 19 (nice(1)). */
	readonly niceness?: number | undefined;
	/** Takes what it writes to standard output; without it that is thrown away. */
	readonly onOutput?: (bytes: Buffer) => void;
	/** Takes what it writes to standard error, of which the last lines are kept as well. */
	readonly onErrorOutput?: (bytes: Buffer) => void;
}

/** A program that lives no longer than this process. */
export interface Child {
	readonly pid: number;
	/** Resolves when it has ended, however that came. */
	readonly exited: Promise<Exit>;
	/** What it wrote to standard error last. */
	errorLines(): readonly string[];
	/** To its standard input. */
	write(bytes: Buffer | string): void;
	/** SIGTERM, after a while SIGKILL; resolves when it has ended. */
	stop(): Promise<Exit>;
}

/**
 * Starts a program that ends with this process, also when this process is killed: the kernel sends it SIGKILL then
 * (prctl(2), PR_SET_PDEATHSIG). Throws PartMissing where it is not installed.
 */
export async function startChild(
	program: string,
	args: readonly string[],
	options: ChildOptions,
): Promise<Child> {
	if (!/^[\w-]{1,64}$/.test(options.run)) throw new Error(`not the name of a run: ${options.run}`);
	const [setpriv, binary] = await Promise.all([findProgram('setpriv'), findProgram(program)]);
	const { network, niceness = 0, as } = options;
	// Each of them becomes the next one: it is one process with one number.
	const through = [
		...(network === undefined ? [] : [await findProgram('nsenter'), `--net=${network}`, '--']),
		...(niceness === 0 ? [] : [await findProgram('nice'), '-n', String(niceness), '--']),
		...(as ? [setpriv, ...privileges(as)] : []),
	];
	const child = spawn(setpriv, ['--pdeathsig', 'KILL', '--', ...through, binary, ...args], {
		cwd: options.folder,
		env: { ...process.env, ...options.environment, [runMarker]: options.run },
		stdio: ['pipe', 'pipe', 'pipe'],
	});
	const exited = new Promise<Exit>(resolve => {
		child.once('close', (code, signal) => resolve({ code, signal }));
		child.once('error', () => resolve({ code: null, signal: null }));
	});
	if (child.pid === undefined) {
		await exited;
		throw new BimetalError('ChildFailed', `${program} could not be started`);
	}
	let kept = '';
	child.stderr.on('data', (bytes: Buffer) => {
		kept = (kept + bytes.toString('utf8'))
			.split('\n')
			.slice(-keptLines - 1)
			.join('\n');
		options.onErrorOutput?.(bytes);
	});
	child.stdout.on('data', (bytes: Buffer) => options.onOutput?.(bytes));
	// It may end while we write: `exited` tells.
	child.stdin.on('error', () => undefined);
	return {
		pid: child.pid,
		exited,
		errorLines: () => kept.split('\n').filter(line => line.trim() !== ''),
		write: bytes => void child.stdin.write(bytes),
		stop: () => end(child, exited),
	};
}

/** setpriv(1)'s arguments; the signal at our end is asked for once more, since another user's process is not told. */
function privileges({ user, group, capabilities }: NonNullable<ChildOptions['as']>): string[] {
	const caps = ['-all', ...capabilities.map(name => `+${name}`)].join(',');
	return [
		...[`--reuid=${user}`, `--regid=${group}`, '--clear-groups'],
		...[`--inh-caps=${caps}`, `--ambient-caps=${caps}`, '--pdeathsig', 'KILL', '--'],
	];
}

async function end(child: ChildProcess, exited: Promise<Exit>): Promise<Exit> {
	if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
	const timer = setTimeout(() => child.kill('SIGKILL'), patience);
	try {
		return await exited;
	} finally {
		clearTimeout(timer);
	}
}

export interface FoundChild {
	readonly pid: number;
	/** Clock ticks from the machine's start to the process's (proc(5), field 22): a number that is used again differs. */
	readonly startTime: string;
	readonly command: string;
}

/** All living processes of a run, whoever started them; this one is not among them. */
export async function findChildren(run: string): Promise<readonly FoundChild[]> {
	const found: FoundChild[] = [];
	for (const entry of await readdir('/proc')) {
		if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue;
		const one = await look(Number(entry), run);
		if (one) found.push(one);
	}
	return found;
}

async function look(pid: number, run: string): Promise<FoundChild | undefined> {
	try {
		const environment = await readFile(`/proc/${pid}/environ`, 'latin1');
		if (!environment.split('\0').includes(`${runMarker}=${run}`)) return undefined;
		const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
		// The command in parentheses may hold anything; what follows the last one is plain.
		const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
		if (fields[0] === 'Z') return undefined;
		const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ').trim();
		return { pid, startTime: fields[19] ?? '', command };
	} catch {
		// It has ended meanwhile, or belongs to somebody else.
		return undefined;
	}
}

/** Ends all processes of a run that are left over, and waits until they are gone. Returns what it ended. */
export async function endChildren(run: string): Promise<readonly FoundChild[]> {
	const ended = new Map<number, FoundChild>();
	for (const end = Date.now() + patience * 2; ; ) {
		const living = await findChildren(run);
		if (living.length === 0) return [...ended.values()];
		if (Date.now() > end)
			throw new BimetalError(
				'ChildFailed',
				`still there after SIGKILL: ${living.map(({ pid, command }) => `${pid} ${command}`).join('; ')}`,
			);
		for (const child of living) {
			const wasAsked = ended.get(child.pid)?.startTime === child.startTime;
			ended.set(child.pid, child);
			try {
				process.kill(child.pid, wasAsked ? 'SIGKILL' : 'SIGTERM');
			} catch {
				// It has ended meanwhile.
			}
		}
		await new Promise(resolve => setTimeout(resolve, ended.size > 0 ? 200 : 0));
	}
}
