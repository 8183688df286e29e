import { randomBytes } from 'node:crypto';
import { open, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { type ConsoleLog, createConsoleLog } from '../machine/console-log.ts';
import { type Qemu, startQemu } from '../machine/start-qemu.ts';
import { firmwareFiles } from './build-firmware.ts';
import { withChosen } from './device-tree.ts';
import { boardFlash } from './flash-image.ts';

export interface BoardOptions {
	/** Folder of the firmware. */
	readonly firmware: string;
	/** It begins in its flash, as a real one does, instead of in a kernel that QEMU has put into its memory. */
	readonly fromFlash?: boolean | undefined;
	/** A folder of the board's own, mode 0700; its console's log is `console.log` there. */
	readonly folder: string;
	/** The image of its card. */
	readonly card: string;
	/** Ports of 127.0.0.1 that lead to ports of the board's network, by those. */
	readonly ports: Readonly<Record<number, number>>;
	/** See `startQemu`. */
	readonly run: string;
	readonly clock: Clock;
}

/** A board that runs. */
export interface Board {
	readonly pid: number;
	readonly console: ConsoleLog;
	/** When the power came, by the clock that was given. */
	readonly poweredOn: number;
	readonly exited: Qemu['exited'];
	/** Types a line on its console. */
	say(word: 'off' | 'meter'): void;
	/** Has it end in order, and cuts the power when that takes too long. Resolves when it is off: in order or not. */
	end(): Promise<'ended in order' | 'power cut'>;
	/** Cuts the power. */
	stop(): Promise<void>;
}

/** Milliseconds that an orderly end may take. */
const endLimit = 30_000;

/**
 * Switches a board on: an AST2600 with its evaluation board's devices. Throws QemuFailed, PartMissing.
 */
export async function startBoard(options: BoardOptions): Promise<Board> {
	const { folder, card, ports, clock } = options;
	const forwards = Object.entries(ports).map(([guest, host]) => `,hostfwd=tcp:127.0.0.1:${host}-:${guest}`);
	const consoleFile = path.join(folder, 'console.log');
	await (await open(consoleFile, 'w', 0o600)).close();
	const console = createConsoleLog({ file: consoleFile });
	const boot = await (options.fromFlash ? flash : kernel)(options);
	const poweredOn = clock.now();
	let qemu: Qemu;
	try {
		qemu = await startQemu({
			binary: 'qemu-system-arm',
			name: 'the board',
			folder,
			run: options.run,
			console,
			args: [
				...['-M', 'ast2600-evb', '-no-reboot', ...boot],
				...['-nic', `user,restrict=off${forwards.join('')}`],
				// The third of its slots is the eMMC's.
				...['-drive', `file=${escaped(card)},format=raw,if=sd,index=2`],
			],
		});
	} catch (fault) {
		console.close();
		throw fault;
	}
	void qemu.exited.then(() => console.close());
	return {
		pid: qemu.pid,
		console,
		poweredOn,
		exited: qemu.exited,
		say: word => qemu.write(`${word}\n`),
		stop: async () => void (await qemu.stop()),
		async end() {
			qemu.write('off\n');
			const isOff = await Promise.race([
				qemu.exited.then(() => true),
				new Promise<boolean>(resolve => clock.after(endLimit, () => resolve(false))),
			]);
			if (!isOff) await qemu.stop();
			return isOff ? 'ended in order' : 'power cut';
		},
	};
}

/** A machine without a clock that runs and without a source of randomness gets both with its kernel. */
async function kernel({ folder, firmware, clock }: BoardOptions): Promise<string[]> {
	const file = (name: keyof typeof firmwareFiles) => path.join(firmware, firmwareFiles[name]);
	const tree = withChosen(await readFile(file('deviceTree')), { 'rng-seed': randomBytes(64) });
	await writeFile(path.join(folder, firmwareFiles.deviceTree), tree, { mode: 0o600 });
	return [
		...['-kernel', file('kernel'), '-initrd', file('initrd'), '-dtb', firmwareFiles.deviceTree],
		...['-append', `console=ttyS4,115200n8 quiet panic=-1 board.time=${Math.floor(clock.now() / 1000)}`],
	];
}

async function flash({ folder, firmware }: BoardOptions): Promise<string[]> {
	const file = path.join(folder, 'flash.static.mtd');
	await writeFile(file, await boardFlash(firmware));
	return ['-drive', `file=${escaped(file)},format=raw,if=mtd`];
}

/** In an option of QEMU's a comma is written twice. */
const escaped = (file: string): string => file.replaceAll(',', ',,');

/** An error of the board with the last lines of its console. */
export function boardFailed(message: string, { console }: Pick<Board, 'console'>): BimetalError {
	const lines = console.lastLines().map(line => `  | ${line}`);
	const said =
		lines.length === 0 ? 'Its console says nothing.' : `Its console's last lines:\n${lines.join('\n')}`;
	return new BimetalError('BoardFailed', `${message}. ${said}`, { expose: true });
}
