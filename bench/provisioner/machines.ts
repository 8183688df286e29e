import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { type Accelerator, findAccelerator } from '../../qemu/machine/accelerator.ts';
import { type ConsoleLog, createConsoleLog } from '../../qemu/machine/console-log.ts';
import { emulatedProcessor } from '../../qemu/machine/emulated-processor.ts';
import { type Qemu, startQemu } from '../../qemu/machine/start-qemu.ts';
import type { Wire } from './wire.ts';

/** Seconds from one mark to the next, in their order. */
export type Stages = Readonly<Record<string, number>>;

/** A machine from power-on to power-off. */
export interface PoweredOn {
	readonly pid: number;
	readonly console: ConsoleLog;
	/** The stage that is under way is over. */
	mark(stage: string): void;
	/** Waits for that on the console, and then marks; the match. */
	until(stage: string, seen: RegExp): Promise<RegExpExecArray>;
	stages(): Stages;
	off(): Promise<void>;
}

export interface Machines {
	readonly accelerator: Accelerator;
	/** The machine with that number; what it has beside its network card stands in QEMU's words. */
	powerOn(
		node: number,
		options: { readonly boot: 'network' | 'disk'; readonly args?: readonly string[] },
	): Promise<PoweredOn>;
}

/** Milliseconds for a stage: a loaded machine takes ten times as long as an idle one. */
const patience = 300_000;
const memoryMib = 320;

export const macOf = (node: number): string => `52:54:00:bb:00:${node.toString(16).padStart(2, '0')}`;
export const nameOf = (node: number): string => `node${node}`;

/** Servers as those of a rack are, without a BMC: each is a QEMU of its own on the wire. */
export async function openMachines(options: { folder: string; run: string; wire: Wire }): Promise<Machines> {
	const { run, wire } = options;
	const accelerator = await findAccelerator();
	const processor =
		accelerator === 'kvm'
			? ['-accel', 'kvm', '-cpu', 'host']
			: ['-accel', 'tcg,tb-size=32', '-cpu', emulatedProcessor];
	return {
		accelerator,
		async powerOn(node, { boot, args = [] }) {
			const folder = path.join(options.folder, nameOf(node));
			await mkdir(folder, { recursive: true });
			const console = createConsoleLog();
			const marks: { readonly stage: string; readonly at: number }[] = [];
			const began = performance.now();
			const qemu: Qemu = await startQemu({
				...{ binary: 'qemu-system-x86_64', name: nameOf(node), folder, run, network: wire.network, console },
				args: [
					...['-M', 'q35,graphics=off', ...processor, '-m', `${memoryMib}M`, '-nodefaults'],
					...['-device', 'virtio-rng-pci', '-smbios', `type=3,asset=${nameOf(node)}`],
					...['-netdev', `tap,id=net0,ifname=${wire.tapOf(node)},script=no,downscript=no,vnet_hdr=off`],
					...[
						'-device',
						`virtio-net-pci,netdev=net0,mac=${macOf(node)},bootindex=${boot === 'network' ? 1 : 2}`,
					],
					...args,
				],
			});
			const mark = (stage: string): void => void marks.push({ stage, at: performance.now() });
			return {
				pid: qemu.pid,
				console,
				mark,
				async until(stage, seen) {
					const found = await console.waitFor(seen, patience);
					mark(stage);
					return found;
				},
				stages: () =>
					Object.fromEntries(
						marks.map(({ stage, at }, index) => [stage, (at - (marks[index - 1]?.at ?? began)) / 1000]),
					),
				async off() {
					await qemu.stop();
					console.close();
					await rm(folder, { recursive: true, force: true });
				},
			};
		},
	};
}

/** A disk that is a file of this machine. */
export const localDisk = (file: string, format: 'raw' | 'qcow2'): string[] => [
	...[
		'-blockdev',
		JSON.stringify({ driver: format, 'node-name': 'disk', file: { driver: 'file', filename: file } }),
	],
	...['-device', 'virtio-blk-pci,drive=disk,bootindex=1'],
];
