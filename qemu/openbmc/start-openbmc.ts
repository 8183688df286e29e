import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../../common/clock.ts';
import { listAspeedMachines } from './aspeed-machines.ts';
import { makeBoardFolder } from './board-folder.ts';
import { openbmcErrors } from './errors.ts';
import { chipFor, flashSizeOf, padFlash } from './flash-chip.ts';
import { copyFlashImage, type FlashImage } from './flash-image.ts';
import type { Forward } from './forwards.ts';
import { type KnownImage, knownByDeviceTrees, knownByFileName, publicLogin } from './known-images.ts';
import type { RedfishService } from './service-root.ts';
import { type Board, startBoard } from './start-board.ts';

export interface OpenbmcOptions {
	/** Path of a flash image (`….static.mtd`). */
	readonly image: string;
	/** QEMU's name of the board; found out from the image where it can be. */
	readonly machine?: string | undefined;
	/** Of the image, hex. */
	readonly sha256?: string | undefined;
	/** The first is where Redfish is. */
	readonly forwards: readonly [Forward, ...Forward[]];
	/** Milliseconds from power-on to the first answer of Redfish. */
	readonly timeout: number;
	/** Where the console is written to; else it is lost with the board. */
	readonly consoleFile?: string | undefined;
	/** Names its processes; see common/processes/children.ts. */
	readonly run: string;
	readonly clock: Clock;
	readonly signal: AbortSignal;
	readonly onProgress: (line: string) => void;
	readonly onConsole?: (bytes: Buffer) => void;
}

/** An OpenBMC that answers. */
export interface Openbmc {
	readonly board: Board;
	readonly image: FlashImage;
	readonly redfish: RedfishService;
	/** The image's row of the table of known ones. */
	readonly known: KnownImage | undefined;
	readonly login: typeof publicLogin;
	readonly consoleFile: string;
	/** Milliseconds from power-on to the first answer. */
	readonly bootTime: number;
	/** Ends it; what it wrote to its flash is gone. */
	stop(): Promise<void>;
}

/**
 * Boots a flash image and waits until its Redfish answers. All or nothing: when it throws, nothing is left. Throws
 * ImageRefused, MachineUnknown, RedfishSilent, PartMissing, QemuFailed, and what the signal was aborted with.
 */
export async function startOpenbmc(options: OpenbmcOptions): Promise<Openbmc> {
	const { onProgress, clock, run, signal } = options;
	const folder = await makeBoardFolder();
	let board: Board | undefined;
	const stop = async () => {
		await board?.stop();
		await rm(folder, { recursive: true, force: true });
	};
	try {
		const flash = path.join(folder, 'flash');
		onProgress(`reading ${options.image}`);
		const image = await copyFlashImage(options.image, flash, options.sha256);
		onProgress(
			image.verifiedBy === undefined
				? `SHA-256 ${image.sha256}; nobody gave one to compare it with`
				: `SHA-256 ${image.sha256}, as ${image.verifiedBy} says`,
		);
		const { machine, known, from } = await chooseMachine(options, image);
		onProgress(`board ${machine} (${from})`);
		const chip = chipFor(image.size, await flashSizeOf(machine, run));
		if (chip.model !== undefined)
			onProgress(
				`the image is larger than the board's flash, which is exchanged: ${chip.model}, ${mib(chip.size)}`,
			);
		const padded = await padFlash(flash, chip.size);
		if (padded > 0)
			onProgress(`the image has ${mib(image.size)}, the flash ${mib(chip.size)}: the rest is erased`);

		signal.throwIfAborted();
		const began = clock.now();
		const consoleFile = options.consoleFile ?? path.join(folder, 'console.log');
		board = await startBoard({
			machine,
			boot: { kind: 'flash', file: flash, chip: chip.model },
			folder,
			run,
			forwards: options.forwards,
			consoleFile,
			clock,
			onProgress,
			...(options.onConsole && { onConsole: options.onConsole }),
		});
		onProgress(`powered on; its console is in ${consoleFile}; waiting for Redfish`);
		const redfish = await board.waitForRedfish(options.timeout, signal);
		const bootTime = clock.now() - began;
		onProgress(`Redfish ${redfish.version} answers, ${Math.round(bootTime / 1000)} s after power-on`);
		return { board, image, redfish, known, login: publicLogin, consoleFile, bootTime, stop };
	} catch (fault) {
		await stop();
		throw fault;
	}
}

async function chooseMachine(
	{ image: file, machine, run }: OpenbmcOptions,
	image: FlashImage,
): Promise<{ machine: string; known: KnownImage | undefined; from: string }> {
	const machines = await listAspeedMachines(run);
	const byContent = knownByDeviceTrees(image.deviceTrees);
	const byName = knownByFileName(path.basename(file));
	const known = byContent ?? byName;
	if (machine !== undefined) {
		if (machines.includes(machine)) return { machine, known: sameBoard(known, machine), from: 'as you said' };
		throw openbmcErrors.MachineUnknown(
			`this QEMU has no Aspeed board '${machine}'; it has ${machines.join(', ')}`,
		);
	}
	if (!known) {
		const trees = [...image.deviceTrees].join(', ');
		throw openbmcErrors.MachineUnknown(
			`neither the name of ${path.basename(file)} nor ${trees ? `the device trees in it (${trees})` : 'what is in it'} ` +
				`tells for which board it is; this QEMU has ${machines.join(', ')}`,
		);
	}
	if (!machines.includes(known.machine))
		throw openbmcErrors.MachineUnknown(
			`the image is for ${known.machine}, which this QEMU does not have; it has ${machines.join(', ')}`,
		);
	return {
		machine: known.machine,
		known,
		from: byContent ? 'by the device tree in it' : "by the file's name",
	};
}

const sameBoard = (known: KnownImage | undefined, machine: string): KnownImage | undefined =>
	known?.machine === machine ? known : undefined;

const mib = (bytes: number): string => `${Math.round((bytes / 1024 / 1024) * 10) / 10} MiB`;
