import type { Hardware, Host, HostContext, HostNic } from '../host.ts';
import { createPower, type PowerState } from '../power.ts';
import { hostLines } from './host-lines.ts';
import { createHostShell } from './host-shell.ts';
import { attachMedium } from './nbd-client.ts';
import { drawnWatts, readings } from './readings.ts';
import { type KvmInput, serveFramebuffer } from './rfb-server.ts';

export interface SimulatedHostOptions {
	/** How long the self-test takes, in milliseconds. */
	readonly postTimeMs: number;
	/** How long the operating system takes to shut down, in milliseconds. */
	readonly shutdownTimeMs: number;
	/** Filled with what is typed at the screen. */
	readonly kvmInput: KvmInput;
	/** Network interfaces that its BMC knows of; none when absent, as with OpenBMC. */
	readonly nics?: readonly HostNic[] | undefined;
}

const PROCESSOR = {
	model: 'Server Processor 32C',
	partNumber: 'CPU-32C',
	maxSpeedMHz: 3200,
	cores: 32,
	threads: 64,
	id: { family: '0x06', model: '0x8f', step: '0x08', registers: '0x00000000000806f8' },
};
const DIMM = { model: 'RDIMM 32G', partNumber: 'DIMM-32G', capacityMiB: 32_768 };
const DRIVE = {
	model: 'NVMe 960G',
	mediaType: 'SSD',
	protocol: 'NVMe',
	capacityBytes: 960_197_124_096,
} as const;
const HARDWARE: Omit<Hardware, 'nics'> = {
	processors: [PROCESSOR, PROCESSOR],
	memory: [DIMM, DIMM, DIMM, DIMM],
	drives: [
		{ ...DRIVE, health: 'Critical' },
		{ ...DRIVE, health: 'OK' },
	],
	bootMode: 'UEFI',
	bootTargets: ['None', 'Pxe', 'Hdd', 'Cd', 'Diags', 'BiosSetup', 'Usb'],
};

const BOOT_STATES: Readonly<Record<PowerState['kind'], string>> = {
	Off: 'None',
	PoweringOn: 'PrimaryProcessorInitializationStarted',
	On: 'OSRunning',
	PoweringOff: 'OSRunning',
};

/** A server that only behaves like one: a power state machine, a small shell and sensors that follow the clock. */
export function createSimulatedHost(context: HostContext, options: SimulatedHostOptions): Host {
	const power = createPower({
		...options,
		initial: context.initial,
		clock: context.clock,
		onEvent(event, now, before) {
			if (event === 'PostDone') context.onBoot();
			context.onEvent(event, now, before);
			if (now !== before) shell.powerChanged(now, before);
		},
	});
	const shell = createHostShell({ ...context, power });
	return {
		hardware: { ...HARDWARE, nics: options.nics ?? [] },
		power,
		serial: {
			listen: shell.listen,
			type: shell.type,
			lines: () => hostLines(context, power.state().kind),
		},
		readings: () => readings(context.identity.serial, power.state().kind),
		drawnWatts: () => drawnWatts(power.state().kind),
		bootProgress: () => BOOT_STATES[power.state().kind],
		serveScreen: socket =>
			serveFramebuffer({ name: context.name, kind: () => power.state().kind }, socket, options.kvmInput),
		attachMedium,
		async close() {
			power.stop();
		},
	};
}
