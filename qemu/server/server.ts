import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { findProgram } from '../../common/processes/programs.ts';
import type { Host, HostContext, HostFactory } from '../bmc/host.ts';
import { type ConsoleLog, createConsoleLog } from '../machine/console-log.ts';
import type { Qemu } from '../machine/start-qemu.ts';
import { planBoot } from './boot-plan.ts';
import { openConsoleFile } from './console-file.ts';
import { inventory, measureDisks } from './inventory.ts';
import { createVirtualMedium } from './medium/virtual-medium.ts';
import { sampleLoad } from './processor-load.ts';
import { machineStarter } from './qemu-machine.ts';
import { serveVnc } from './screen.ts';
import type { ServerOptions } from './server-options.ts';
import { createServerPower } from './server-power.ts';
import { serverReadings, serverWatts } from './server-readings.ts';
import { openTpm } from './tpm.ts';

/** A virtual machine that a BMC can manage as its server. */
export interface Server {
	/** For `startBmc({ createHost })`: switches it on and off, and ends it with the BMC. One BMC per server. */
	readonly createHost: HostFactory;
	/** What its serial port writes in all its boots, one after the other. */
	readonly console: ConsoleLog;
	/** Of its QEMU process, while it is on. */
	pid(): number | undefined;
}

const SHUTDOWN_TIMEOUT_MS = 60_000;
/** How often the machine's load, and with it every reading, is taken. */
const SAMPLE_MS = 1000;
const WATTS = { idle: 90, busy: 140 };
/** Lines that a crash is reported with. */
const LAST_WORDS = 5;

const optionsSchema = z.object({
	folder: z.string().min(1),
	run: z.string().regex(/^[\w-]{1,64}$/, 'letters, digits and hyphens'),
	memoryMiB: z.number().int().min(32).optional(),
	cpus: z.number().int().min(1).max(64).optional(),
	nics: z
		.array(
			z.object({
				mac: z.string().regex(/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i, 'six octets in hexadecimal'),
				tap: z
					.string()
					.regex(/^[^\s/]{1,15}$/, 'the name of a network device')
					.optional(),
			}),
		)
		.optional(),
});

/**
 * Describes a server; nothing runs before its BMC is started.
 * @throws BimetalError ServerOptionsInvalid; from createHost PartMissing, ServerOptionsInvalid (a disk that is not there)
 */
export function createServer(given: ServerOptions): Server {
	const checked = optionsSchema.safeParse(given);
	if (!checked.success) throw invalid(z.prettifyError(checked.error));
	const options: ServerOptions = { ...given, folder: path.resolve(given.folder) };
	const console = createConsoleLog();
	let pid = (): number | undefined => undefined;
	return {
		console,
		pid: () => pid(),
		async createHost(context) {
			await mkdir(options.folder, { recursive: true, mode: 0o700 });
			await findProgram('qemu-system-x86_64');
			const host = await createServerHost(options, console, context);
			pid = host.pid;
			return host;
		},
	};
}

async function createServerHost(
	options: ServerOptions,
	allBoots: ConsoleLog,
	context: HostContext,
): Promise<Host & { readonly pid: () => number | undefined }> {
	const { clock } = context;
	const own = options.firmware === 'bios' ? 'Legacy' : 'UEFI';
	const hardware = inventory(options, await measureDisks(options.disks ?? []));
	const tpm = options.tpm && (await openTpm({ ...options, ...options.tpm, ...context.identity, clock }));
	const file =
		options.consoleFile === undefined
			? undefined
			: openConsoleFile(options.consoleFile, {
					onFault: fault =>
						context.report({
							severity: 'Warning',
							messageId: 'OpenBMC.0.5.ConsoleFileFailed',
							message: `The console is no longer kept in a file: ${fault instanceof Error ? fault.message : fault}`,
						}),
				});
	/** Of the run that is on, or was last. */
	let thisRun: ConsoleLog = createConsoleLog();
	let qemu: Qemu | undefined;
	const power = createServerPower({
		clock,
		shutdownTimeoutMs: options.shutdownTimeoutMs ?? SHUTDOWN_TIMEOUT_MS,
		start: machineStarter({
			name: context.name,
			identity: context.identity,
			options,
			openConsole() {
				thisRun = createConsoleLog();
				thisRun.onData(bytes => {
					file?.add(bytes);
					allBoots.add(bytes);
					context.onReading();
				});
				return thisRun;
			},
			medium: () => medium.inserted(),
			beforeStart: async () => tpm?.powerOn(),
			onQemu(started) {
				qemu = started;
				medium.machineStarted(started);
			},
		}),
		plan: () => planBoot(context.boot(), own),
		watchdog: context.watchdog,
		onEvent: context.onEvent,
		onBoot: context.onBoot,
		report: context.report,
		lastWords: () => thisRun.lastLines(LAST_WORDS),
	});
	const medium = createVirtualMedium({
		folder: options.folder,
		clock,
		onFault: fault =>
			context.report({
				severity: 'Warning',
				messageId: 'OpenBMC.0.5.VirtualMediumFailed',
				message: fault instanceof Error ? fault.message : String(fault),
			}),
	});
	const isOn = () => power.state().kind !== 'Off';
	const load = sampleLoad({
		clock,
		everyMs: SAMPLE_MS,
		processors: options.cpus ?? 1,
		pid: () => power.machine()?.pid,
		onSample: context.onReading,
	});
	const watts = () => serverWatts(isOn(), load.now(), options.watts ?? WATTS);
	if (context.initial === 'On') power.reset('On');
	return {
		hardware,
		power,
		serial: {
			listen: take => allBoots.onData(take),
			type: bytes => power.machine()?.type(bytes),
			lines: () => (isOn() ? thisRun.lastLines(200) : []),
		},
		readings: () => serverReadings(isOn(), load.now(), watts()),
		drawnWatts: watts,
		// What runs on its processors, firmware or a system, only its console and its screen show.
		bootProgress: () => (isOn() ? 'PrimaryProcessorInitializationStarted' : 'None'),
		serveScreen: socket => serveVnc(socket, power.machine() && qemu),
		attachMedium: medium.attach,
		pid: () => power.machine()?.pid,
		async close() {
			load.stop();
			await power.close();
			await medium.close();
			await tpm?.close();
			file?.close();
			allBoots.fail(`${context.name} has been closed`);
		},
	};
}

const invalid = (why: string) =>
	new BimetalError('ServerOptionsInvalid', `this server cannot be made: ${why}`, {
		status: 400,
		expose: true,
	});
