import { copyFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { Identity } from '../bmc/host.ts';
import type { ConsoleLog } from '../machine/console-log.ts';
import { type Qemu, startQemu } from '../machine/start-qemu.ts';
import type { BootPlan } from './boot-plan.ts';
import type { Ending, Machine, StartMachine } from './machine.ts';
import {
	FILES,
	hasCable,
	type InsertedMedium,
	machineArguments,
	nicId,
	UEFI_VARIABLES,
} from './machine-arguments.ts';
import type { ServerOptions } from './server-options.ts';

// QEMU QMP Reference Manual: SHUTDOWN with its ShutdownCause.
const cause = z.object({ guest: z.boolean(), reason: z.string() });

export interface MachineParts {
	readonly name: string;
	readonly identity: Identity;
	/** Its parts, with paths that are absolute or relative to the server's folder. */
	readonly options: ServerOptions;
	/** The console of the run that is about to start. */
	openConsole(): ConsoleLog;
	/** What is in a drive now. */
	medium(): InsertedMedium | undefined;
	/** Called before each run; what it starts lives as long as the run. */
	beforeStart(): Promise<void>;
	/** Takes QEMU for what goes round the power: media, the screen. */
	onQemu(qemu: Qemu): void;
}

/** Runs a server as a QEMU machine. */
export function machineStarter(parts: MachineParts): StartMachine {
	const { name, identity, options } = parts;
	const startPaused = async (plan: BootPlan, medium: InsertedMedium | undefined): Promise<Qemu> => {
		await parts.beforeStart();
		try {
			return await startQemu({
				binary: 'qemu-system-x86_64',
				name,
				args: machineArguments(options, identity, plan, medium),
				folder: options.folder,
				run: options.run,
				network: options.network,
				niceness: options.niceness,
				console: parts.openConsole(),
			});
		} catch (fault) {
			// Whoever serves a medium may leave while the machine starts, and that must not keep it from starting.
			if (!medium) throw fault;
			return startPaused(plan, undefined);
		}
	};
	return async (plan, events) => {
		if (plan.mode === 'UEFI') await keepUefiVariables(options.folder);
		const qemu = await startPaused(plan, parts.medium());
		try {
			let ending: Ending | undefined;
			qemu.qmp.onEvent(({ event, data }) => {
				switch (event) {
					case 'SHUTDOWN': {
						const { guest, reason } = cause.parse(data);
						if (guest) ending = { kind: reason === 'guest-reset' ? 'guest reset' : 'guest shut down' };
						return;
					}
					case 'GUEST_PANICKED':
						return events.onPanic();
					case 'WATCHDOG':
						return events.onWatchdog();
				}
			});
			let isStopping = false;
			const ended = qemu.exited.then(({ code, signal }): Ending => {
				if (isStopping) return { kind: 'stopped' };
				if (ending) return ending;
				const how = signal === null ? `exit code ${code}` : signal;
				const said = qemu.errorLines().at(-1);
				return { kind: 'failed', detail: said === undefined ? how : `${how}: ${said}` };
			});
			for (const [index, nic] of (options.nics ?? []).entries()) {
				// Nothing is plugged in: the guest sees no carrier instead of a network on which nobody answers.
				if (!hasCable(nic)) await qemu.qmp.execute('set_link', { name: nicId(index), up: false });
			}
			parts.onQemu(qemu);
			await qemu.qmp.execute('cont');
			const machine: Machine = {
				pid: qemu.pid,
				ended,
				type: bytes => qemu.write(bytes),
				async pressPowerButton() {
					await qemu.qmp.execute('system_powerdown');
				},
				async injectNmi() {
					await qemu.qmp.execute('inject-nmi');
				},
				async stop() {
					isStopping = true;
					await qemu.stop();
				},
			};
			return machine;
		} catch (fault) {
			await qemu.stop();
			throw fault;
		}
	};
}

/** The machine's own variables (boot entries, Secure Boot keys), which stay from one boot to the next. */
async function keepUefiVariables(folder: string): Promise<void> {
	const file = path.join(folder, FILES.uefiVariables);
	const isThere = await stat(file).then(
		() => true,
		() => false,
	);
	if (isThere) return;
	try {
		await copyFile(UEFI_VARIABLES, file);
	} catch (cause) {
		throw new BimetalError('PartMissing', `no UEFI firmware at ${UEFI_VARIABLES}: apt-get install ovmf`, {
			cause,
			expose: true,
		});
	}
}
