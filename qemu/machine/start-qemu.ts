import { rm } from 'node:fs/promises';
import path from 'node:path';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { type Exit, startChild } from '../../common/processes/children.ts';
import { connectQmp, type Qmp } from '../../common/processes/qmp.ts';
import type { ConsoleLog } from './console-log.ts';

export interface QemuOptions {
	readonly binary: 'qemu-system-x86_64' | 'qemu-system-arm';
	/** For messages. */
	readonly name: string;
	/** Everything but the console, the display and QMP. Paths in it are relative to `folder`, or absolute. */
	readonly args: readonly string[];
	/** A folder of its own, mode 0700: its QMP socket is `qmp.sock` there. */
	readonly folder: string;
	/** The run that it belongs to; see children.ts. */
	readonly run: string;
	/** See children.ts: with it, taps are those of that namespace, and QEMU itself reaches no other network. */
	readonly network?: string | undefined;
	readonly niceness?: number | undefined;
	/** Takes what its first serial port writes, from the first byte on. */
	readonly console: ConsoleLog;
}

/** A machine that runs. */
export interface Qemu {
	readonly pid: number;
	readonly qmp: Qmp;
	/** Resolves when the process has ended. */
	readonly exited: Promise<Exit>;
	/** What QEMU itself had to say: warnings, and why it ended. */
	errorLines(): readonly string[];
	/** Types on the first serial port. */
	write(bytes: Buffer | string): void;
	/** Pulls the plug; resolves when the process has ended. */
	stop(): Promise<Exit>;
}

/** Milliseconds from the process's start until it must have opened its QMP socket. */
const startLimit = 30_000;

/**
 * Starts a machine that ends with this process, its first serial port on the console that is given. Throws PartMissing;
 * QemuFailed with QEMU's own words when it does not come up.
 */
export async function startQemu(options: QemuOptions): Promise<Qemu> {
	const { name, folder, console } = options;
	const socket = path.join(folder, 'qmp.sock');
	await rm(socket, { force: true });
	const child = await startChild(
		options.binary,
		[
			...['-no-user-config', '-display', 'none'],
			...['-chardev', 'stdio,id=console,signal=off', '-serial', 'chardev:console'],
			// Relative, for the path of a UNIX socket has room for 107 bytes only.
			...['-qmp', 'unix:qmp.sock,server=on,wait=off'],
			...options.args,
		],
		{
			run: options.run,
			folder,
			network: options.network,
			niceness: options.niceness,
			onOutput: bytes => console.add(bytes),
		},
	);
	let exit: Exit | undefined;
	void child.exited.then(how => {
		exit = how;
		console.fail(`${name} has ended (${describe(how)})`);
	});
	try {
		const qmp = await connectSoon(`/proc/${child.pid}/cwd/qmp.sock`, () => exit !== undefined);
		void child.exited.then(() => qmp.close());
		return {
			pid: child.pid,
			qmp,
			exited: child.exited,
			errorLines: child.errorLines,
			write: child.write,
			stop: child.stop,
		};
	} catch (cause) {
		await child.stop();
		const said = child.errorLines().join('\n') || (exit && describe(exit)) || 'it said nothing';
		throw new BimetalError('QemuFailed', `${name} does not start: ${said}`, { cause });
	}
}

async function connectSoon(socket: string, hasEnded: () => boolean): Promise<Qmp> {
	for (const end = Date.now() + startLimit; ; ) {
		try {
			return await connectQmp(socket);
		} catch (fault) {
			if (hasEnded() || Date.now() > end) throw fault;
			await new Promise(resolve => setTimeout(resolve, 20));
		}
	}
}

const describe = ({ code, signal }: Exit): string => (signal === null ? `exit code ${code}` : signal);
