import type { BootPlan } from './boot-plan.ts';

/**
 * One boot of a virtual machine: from the moment its processors run until its process is gone. A reset ends it as well,
 * and the next boot is a process of its own: what a machine boots from and with is given when it starts, each boot finds
 * its memory and its TPM as after a power cycle, and a boot is one however often firmware resets its processors
 * (SeaBIOS does so by itself after a warm reset).
 */
export interface Machine {
	readonly pid: number;
	/** Resolves when its process is gone. */
	readonly ended: Promise<Ending>;
	/** Types on its serial port. */
	type(bytes: Buffer): void;
	/** Tells its operating system to shut down, as the button at the front does (ACPI). */
	pressPowerButton(): Promise<void>;
	injectNmi(): Promise<void>;
	/** Pulls the plug. */
	stop(): Promise<void>;
}

/** Why it ended. */
export type Ending =
	| { readonly kind: 'stopped' }
	| { readonly kind: 'guest shut down' }
	| { readonly kind: 'guest reset' }
	| { readonly kind: 'failed'; readonly detail: string };

/** What happens in a machine while it runs. */
export interface MachineEvents {
	onPanic(): void;
	onWatchdog(): void;
}

/** @throws BimetalError QemuFailed, PartMissing, … when it does not start */
export type StartMachine = (plan: BootPlan, events: MachineEvents) => Promise<Machine>;
