import path from 'node:path';
import type { Clock } from '../../common/clock.ts';
import type { Exit } from '../../common/processes/children.ts';
import { type ConsoleLog, createConsoleLog } from '../machine/console-log.ts';
import { type Qemu, startQemu } from '../machine/start-qemu.ts';
import { watchBootStages } from './boot-stages.ts';
import { openbmcErrors } from './errors.ts';
import { type Forward, forwardOption, openedForwards } from './forwards.ts';
import { askServiceRoot, type RedfishService } from './service-root.ts';

/** What a board boots from: its flash, or a kernel that QEMU puts into its memory. */
export type BootFrom =
	| { readonly kind: 'flash'; readonly file: string; readonly chip: string | undefined }
	| {
			readonly kind: 'kernel';
			readonly kernel: string;
			readonly deviceTree: string;
			readonly initrd: string;
			readonly commandLine: string;
	  };

export interface BoardOptions {
	/** QEMU's name of the board. */
	readonly machine: string;
	readonly boot: BootFrom;
	/** A folder of its own, mode 0700. */
	readonly folder: string;
	/** The run that its process belongs to; see common/processes/children.ts. */
	readonly run: string;
	/** The first of them is where Redfish is (HTTPS). */
	readonly forwards: readonly [Forward, ...Forward[]];
	readonly consoleFile: string;
	/** MiB; the board's own where nothing is said. */
	readonly memory?: number;
	readonly clock: Clock;
	readonly onProgress: (line: string) => void;
	readonly onConsole?: (bytes: Buffer) => void;
}

/** A board that runs. */
export interface Board {
	readonly machine: string;
	readonly pid: number;
	/** As they were opened. */
	readonly forwards: readonly [Forward, ...Forward[]];
	/** Origin of its Redfish on this machine. */
	readonly url: string;
	readonly console: ConsoleLog;
	readonly exited: Promise<Exit>;
	/**
	 * Resolves once Redfish answers. Throws RedfishSilent after `timeout` milliseconds, or when the board ends, with
	 * what the console said last; and what the signal was aborted with.
	 */
	waitForRedfish(timeout: number, signal: AbortSignal): Promise<RedfishService>;
	stop(): Promise<void>;
}

/** Between two questions whether Redfish is there, and for each answer: milliseconds. */
const pause = 1000;
const patience = 10_000;

/** Starts a board with its ports on loopback, and nothing else of the network in its reach. Throws PartMissing, QemuFailed. */
export async function startBoard(options: BoardOptions): Promise<Board> {
	const { machine, forwards, onProgress } = options;
	const console = createConsoleLog({ file: options.consoleFile });
	const stages = watchBootStages(name => onProgress(`the board: ${name}`));
	console.onData(bytes => {
		stages(bytes);
		options.onConsole?.(bytes);
	});
	let qemu: Qemu | undefined;
	try {
		qemu = await startQemu({
			binary: 'qemu-system-arm',
			name: machine,
			args: [
				...machineOptions(options),
				// The board may be asked, but asks nobody: not this machine, and nobody beyond it.
				...['-nic', ['user', 'restrict=on', ...forwards.map(forwardOption)].join(',')],
			],
			folder: options.folder,
			run: options.run,
			console,
		});
		const [first, ...others] = await openedForwards(qemu.qmp, forwards);
		if (!first) throw new Error('no port of the board is forwarded');
		return boardOf(options, qemu, console, [first, ...others]);
	} catch (fault) {
		await qemu?.stop();
		console.close();
		throw fault;
	}
}

function machineOptions({ machine, boot, folder, memory }: BoardOptions): string[] {
	const size = memory === undefined ? [] : ['-m', String(memory)];
	if (boot.kind === 'flash') {
		const model = boot.chip === undefined ? '' : `,fmc-model=${boot.chip}`;
		const file = path.relative(folder, boot.file).replaceAll(',', ',,');
		return ['-M', `${machine}${model}`, ...size, '-drive', `file=${file},format=raw,if=mtd`];
	}
	return [
		...['-M', machine, ...size, '-kernel', boot.kernel, '-dtb', boot.deviceTree],
		...['-initrd', boot.initrd, '-append', boot.commandLine],
	];
}

function boardOf(
	options: BoardOptions,
	qemu: Qemu,
	console: ConsoleLog,
	forwards: readonly [Forward, ...Forward[]],
): Board {
	const { machine, clock } = options;
	let end: Exit | undefined;
	void qemu.exited.then(exit => {
		end = exit;
	});
	const silent = (why: string, last: string): Error => {
		const lines = console.lastLines(20);
		const said =
			lines.length === 0
				? 'Nothing came on its console.'
				: `Its console said last:\n${lines.map(line => `  | ${line}`).join('\n')}`;
		return openbmcErrors.RedfishSilent(`Redfish of ${machine} does not answer: ${why} (${last}). ${said}`);
	};
	return {
		machine,
		pid: qemu.pid,
		forwards,
		url: `https://127.0.0.1:${forwards[0].here}`,
		console,
		exited: qemu.exited,
		async waitForRedfish(timeout, signal) {
			let last = 'it was not asked yet';
			for (const until = clock.now() + timeout; ; ) {
				signal.throwIfAborted();
				if (end) throw silent(`the board has ended (${end.signal ?? `exit code ${end.code}`})`, last);
				if (clock.now() > until) throw silent(`${Math.round(timeout / 1000)} s are over`, last);
				try {
					const left = Math.max(1000, until - clock.now());
					return await askServiceRoot(forwards[0].here, Math.min(patience, left), signal);
				} catch (fault) {
					last = fault instanceof Error ? fault.message : String(fault);
				}
				await waitFor(pause, signal, qemu.exited);
			}
		},
		async stop() {
			await qemu.stop();
			console.close();
		},
	};

	function waitFor(ms: number, signal: AbortSignal, exited: Promise<unknown>): Promise<void> {
		return new Promise(resolve => {
			const done = () => {
				cancel();
				signal.removeEventListener('abort', done);
				resolve();
			};
			const cancel = clock.after(ms, done);
			signal.addEventListener('abort', done, { once: true });
			void exited.then(done);
		});
	}
}
