import type { Accelerator } from '../machine/accelerator.ts';

/** A network interface of a server. */
export interface Nic {
	/** As `52:54:00:00:00:01`. */
	readonly mac: string;
	/** The tap device that its cable leads to; it is there already. */
	readonly tap?: string | undefined;
	/**
	 * Instead of a tap: a network of QEMU's own, behind which nothing else is. `tftp` is a folder that is served there,
	 * `bootfile` what its DHCP offers for booting.
	 */
	readonly user?: { readonly tftp?: string | undefined; readonly bootfile?: string | undefined } | undefined;
}

export interface Disk {
	readonly file: string;
	readonly format: 'raw' | 'qcow2';
}

/** What a virtual server is made of. Its name and identity are its BMC's. */
export interface ServerOptions {
	/** A folder of its own, mode 0700, which stays from one start to the next: sockets, UEFI variables, TPM state. */
	readonly folder: string;
	/** Marks all its processes; see common/processes/children.ts. */
	readonly run: string;
	/** 256 when absent. */
	readonly memoryMiB?: number | undefined;
	/** 1 when absent. */
	readonly cpus?: number | undefined;
	/** What it boots with unless a boot override says otherwise; UEFI when absent. */
	readonly firmware?: 'uefi' | 'bios' | undefined;
	readonly nics?: readonly Nic[] | undefined;
	readonly disks?: readonly Disk[] | undefined;
	/** A TPM 2.0, whose EK certificate the authority signs. */
	readonly tpm?: TpmOptions | undefined;
	/** Everything that the serial port writes, in all boots, is added to it. */
	readonly consoleFile?: string | undefined;
	/** TCG when absent; `findAccelerator` tells what works. */
	readonly accelerator?: Accelerator | undefined;
	/** How long the operating system has for shutting down before the power is cut, in milliseconds; 60 s when absent. */
	readonly shutdownTimeoutMs?: number | undefined;
	/** The network namespace that the taps are in; see common/processes/children.ts. */
	readonly network?: string | undefined;
	/** How far its processors step back for other processes when those are busy, 0 to 19. */
	readonly niceness?: number | undefined;
	/** Watts when its processors have nothing to do, and when all are busy; 90 and 140 when absent. */
	readonly watts?: { readonly idle: number; readonly busy: number } | undefined;
}

export interface TpmOptions {
	/** A folder of the site: the authority's keys and certificates are made there when they are missing, and kept. */
	readonly authority: string;
}
