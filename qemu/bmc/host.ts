import type { Clock } from '../../common/clock.ts';
import type { ConsoleSocket } from '../redfish/socket-route.ts';
import type { NewRecord } from './event-log.ts';
import type { PowerEvent, PowerState, ResetType } from './power.ts';

/** What tells one server from another. */
export interface Identity {
	readonly serial: string;
	readonly uuid: string;
	readonly model: string;
	readonly manufacturer: string;
	readonly assetTag: string;
	/** Of the BMC's own network interface. */
	readonly mac: string;
}

/**
 * The server that a BMC manages. `simulated/` has one that costs nothing and is what a BMC has when nothing is said;
 * `qemu/server` has one that is a virtual machine. What changes by itself is told through the HostContext.
 */
export interface Host {
	readonly hardware: Hardware;
	readonly power: HostPower;
	readonly serial: SerialLine;
	/** Every sensor's reading by its id. */
	readings(): Readonly<Record<string, Reading>>;
	/** Watts that the server draws at its outlet. */
	drawnWatts(): number;
	/** As ComputerSystem.BootProgress.LastState: how far the host is known to have come. */
	bootProgress(): string;
	/** Serves the screen over RFB (RFC 6143) until the socket ends. */
	serveScreen(socket: ConsoleSocket): void;
	/**
	 * Takes the disk that a client serves over NBD as a removable medium until the socket ends; `onMedium` tells what
	 * it is, and undefined when it is gone.
	 */
	attachMedium(socket: ConsoleSocket, onMedium: (medium: Medium | undefined) => void): void;
	/** Ends whatever runs for it. Nothing is told through the context afterwards. */
	close(): Promise<void>;
}

export interface HostPower {
	state(): PowerState;
	/** Milliseconds since the epoch of the last change of the state. */
	changedAt(): number;
	/** Asks for it and returns at once; resets are carried out one at a time, in order. */
	reset(type: ResetType): void;
}

/** What happens to a host, whoever caused it. */
export type HostEvent =
	| PowerEvent
	| 'Started'
	| 'GuestShutdown'
	| 'GuestReset'
	| 'ShutdownTimeout'
	| 'Failed';

export interface SerialLine {
	/** What the host writes from now on; the returned function ends it. */
	listen(take: (bytes: Buffer) => void): () => void;
	/** What is typed on it; whoever types, it is one line. */
	type(bytes: Buffer): void;
	/** What it has written since it was last switched on, as far as that is kept. */
	lines(): readonly string[];
}

/** What a BMC finds in its server. */
export interface Hardware {
	readonly processors: readonly Processor[];
	readonly memory: readonly MemoryModule[];
	readonly drives: readonly Drive[];
	readonly nics: readonly HostNic[];
	/** How it boots while no override says otherwise. */
	readonly bootMode: BootMode;
	readonly bootTargets: readonly string[];
	/** A TPM's interface, as in ComputerSystem.TrustedModules. */
	readonly trustedModule?: 'TPM2_0' | undefined;
}

export interface Processor {
	readonly model: string;
	readonly partNumber: string;
	readonly maxSpeedMHz: number;
	readonly cores: number;
	readonly threads: number;
	/** As in Processor.ProcessorId: what CPUID says, in hexadecimal. */
	readonly id: {
		readonly family: string;
		readonly model: string;
		readonly step: string;
		readonly registers: string;
	};
}

export interface MemoryModule {
	readonly model: string;
	readonly partNumber: string;
	/** Mebibytes. */
	readonly capacityMiB: number;
}

export interface Drive {
	readonly model: string;
	readonly mediaType: 'SSD' | 'HDD';
	readonly protocol: string;
	readonly capacityBytes: number;
	readonly health: 'OK' | 'Critical';
}

export interface HostNic {
	/** As `52:54:00:00:00:01`. */
	readonly mac: string;
	readonly hasCable: boolean;
}

export type BootMode = 'Legacy' | 'UEFI';

/** ComputerSystem.Boot, as far as it decides on the next boot. */
export interface BootSettings {
	readonly enabled: 'Disabled' | 'Once' | 'Continuous';
	readonly target: string;
	/** As it was asked for; undefined: the host's own. */
	readonly mode: BootMode | undefined;
}

/** ComputerSystem.HostWatchdogTimer. */
export interface WatchdogSettings {
	readonly enabled: boolean;
	readonly action: 'None' | 'ResetSystem' | 'PowerCycle' | 'PowerDown';
}

export interface Reading {
	readonly name: string;
	readonly type: 'Rotational' | 'Power' | 'Temperature' | 'Voltage';
	readonly units: 'RPM' | 'W' | 'Cel' | 'V';
	readonly value: number;
	/** The upper critical threshold, in the same units. */
	readonly critical: number;
}

/** A medium that a client offers, as far as the BMC has read it. */
export interface Medium {
	/** Bytes. */
	readonly size: number;
	readonly readOnly: boolean;
	/** The first block, once it has come. */
	first: Buffer | undefined;
}

/** What a host knows of its BMC. */
export interface HostContext {
	readonly name: string;
	readonly identity: Identity;
	readonly clock: Clock;
	/** The power that it had when the BMC was last closed. */
	readonly initial: 'On' | 'Off';
	firmwareVersion(): string;
	boot(): BootSettings;
	watchdog(): WatchdogSettings;
	/** Something happened to the power; `now` and `before` are the same object when the state did not change. */
	onEvent(event: HostEvent, now: PowerState, before: PowerState): void;
	/** A boot has got so far that an override for one time has had its time. */
	onBoot(): void;
	/** Readings or console lines are others than before. */
	onReading(): void;
	/** Something for the event log. */
	report(record: NewRecord): void;
}

/**
 * Makes the host of one BMC.
 * @throws BimetalError when what it needs is not there
 */
export type HostFactory = (context: HostContext) => Host | Promise<Host>;
