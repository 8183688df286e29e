import type { BootMode, Identity } from '../bmc/host.ts';
import { emulatedProcessor } from '../machine/emulated-processor.ts';
import { type BootDevice, type BootPlan, bootIndexes } from './boot-plan.ts';
import type { Nic, ServerOptions } from './server-options.ts';

export const DEFAULT_MEMORY_MIB = 256;
const UEFI_CODE = '/usr/share/OVMF/OVMF_CODE_4M.fd';
/** The template of a machine's own UEFI variables. */
export const UEFI_VARIABLES = '/usr/share/OVMF/OVMF_VARS_4M.fd';

/** Files of a server, relative to its folder: the path of a UNIX socket has room for 107 bytes only. */
export const FILES = {
	uefiVariables: 'uefi-variables.fd',
	tpmSocket: 'tpm.sock',
	screenSocket: 'screen.sock',
} as const;

/** QEMU's ids. */
export const IDS = {
	cd: 'cd0',
	usb: 'usb0',
} as const;

export const nicId = (index: number): string => `nic${index}`;
const diskId = (index: number): string => `disk${index}`;

/** A medium that a client serves. */
export interface InsertedMedium {
	/** Its block node, another one for each medium; it is served on `<node>.sock` in the server's folder. */
	readonly node: string;
	readonly kind: 'Cd' | 'Usb';
	readonly readOnly: boolean;
}

/** What a machine can boot from. */
function bootDevices(options: ServerOptions, medium: InsertedMedium | undefined): BootDevice[] {
	return [
		...(options.disks ?? []).map((_, index) => ({ id: diskId(index), kind: 'Hdd' as const })),
		{ id: IDS.cd, kind: 'Cd' },
		...(medium?.kind === 'Usb' ? [{ id: IDS.usb, kind: 'Usb' as const }] : []),
		...(options.nics ?? []).map((_, index) => ({ id: nicId(index), kind: 'Pxe' as const })),
	];
}

/** QEMU's command line for a server, for `startQemu`; it starts paused. */
export function machineArguments(
	options: ServerOptions,
	identity: Identity,
	plan: BootPlan,
	medium: InsertedMedium | undefined,
): string[] {
	const indexes = bootIndexes(bootDevices(options, medium), plan.first);
	const bootindex = (id: string): Readonly<Record<string, unknown>> => ({ bootindex: indexes.get(id) ?? -1 });
	const cpus = options.cpus ?? 1;
	return [
		...['-name', `guest=${quote(identity.serial)},debug-threads=off`],
		// Firmware that knows only the serial port writes there as well (SeaBIOS, graphics=off).
		...['-M', 'q35,graphics=off'],
		// 32 MiB of translated code: without a limit it is an eighth of the host's memory, for each server.
		...['-accel', options.accelerator === 'kvm' ? 'kvm' : 'tcg,tb-size=32'],
		...['-cpu', options.accelerator === 'kvm' ? 'host' : emulatedProcessor],
		...['-smp', `cpus=${cpus},sockets=1,cores=${cpus},threads=1`],
		...['-m', `${options.memoryMiB ?? DEFAULT_MEMORY_MIB}M`],
		...['-nodefaults', '-S'],
		// Each boot is a process; what a guest's crash and an expired watchdog lead to, the BMC decides.
		...['-action', 'reboot=shutdown,shutdown=poweroff,panic=none,watchdog=none'],
		...['-vnc', `unix:${FILES.screenSocket},share=force-shared`],
		...device('VGA', { id: 'screen', vgamem_mb: 8 }),
		...device('virtio-rng-pci', { id: 'rng' }),
		...device('pvpanic', { id: 'panic' }),
		...device('i6300esb', { id: 'watchdog' }),
		...device('qemu-xhci', { id: 'xhci' }),
		...device('virtio-scsi-pci', { id: 'scsi' }),
		...device('scsi-cd', {
			id: IDS.cd,
			bus: 'scsi.0',
			...bootindex(IDS.cd),
			...(medium?.kind === 'Cd' && { drive: medium.node }),
		}),
		...smbios(identity),
		...firmware(plan.mode),
		...(medium ? ['-blockdev', JSON.stringify(mediumBlock(medium))] : []),
		...(medium?.kind === 'Usb' ? device('usb-storage', { ...usbDrive(medium), ...bootindex(IDS.usb) }) : []),
		...(options.disks ?? []).flatMap(({ file, format }, index) => [
			...['-blockdev', JSON.stringify({ driver: format, 'node-name': diskId(index), file: fileNode(file) })],
			...device('virtio-blk-pci', {
				id: diskId(index),
				drive: diskId(index),
				serial: `${identity.serial}-D${index}`.slice(-20),
				...bootindex(diskId(index)),
			}),
		]),
		...(options.nics ?? []).flatMap((nic, index) => [
			...network(nic, index),
			...device('virtio-net-pci', {
				id: nicId(index),
				mac: nic.mac,
				...(hasCable(nic) && { netdev: `net${index}` }),
				...bootindex(nicId(index)),
			}),
		]),
		...(options.tpm
			? [
					...['-chardev', `socket,id=tpm,path=${FILES.tpmSocket}`],
					...['-tpmdev', 'emulator,id=tpm,chardev=tpm'],
					...device('tpm-crb', { id: 'tpm', tpmdev: 'tpm' }),
				]
			: []),
	];
}

export const mediumSocket = (node: string): string => `${node}.sock`;

/** A medium's block node, as `blockdev-add` takes it. */
export function mediumBlock({ node, readOnly }: InsertedMedium): Readonly<Record<string, unknown>> {
	return {
		driver: 'nbd',
		'node-name': node,
		'read-only': readOnly,
		server: { type: 'unix', path: mediumSocket(node) },
	};
}

/** The drive that a client's disk appears as, as `device_add` takes it. */
export function usbDrive({ node }: InsertedMedium): Readonly<Record<string, unknown>> {
	return { driver: 'usb-storage', id: IDS.usb, bus: 'xhci.0', drive: node, removable: true };
}

export const hasCable = (nic: Nic): boolean => nic.tap !== undefined || nic.user !== undefined;

function network(nic: Nic, index: number): string[] {
	if (nic.tap !== undefined)
		// With vnet_hdr, Linux stands still at the log-in of iSCSI behind Open vSwitch's userspace datapath.
		return ['-netdev', `tap,id=net${index},ifname=${quote(nic.tap)},script=no,downscript=no,vnet_hdr=off`];
	if (nic.user === undefined) return [];
	const { tftp, bootfile } = nic.user;
	const boot = [
		...(tftp === undefined ? [] : [`tftp=${quote(tftp)}`]),
		...(bootfile === undefined ? [] : [`bootfile=${quote(bootfile)}`]),
	];
	return ['-netdev', ['user', `id=net${index}`, 'restrict=on', ...boot].join(',')];
}

/** DMTF DSP0134: system (type 1), board (2), chassis (3). */
function smbios({ manufacturer, model, serial, uuid, assetTag }: Identity): string[] {
	const fields = (type: number, values: Readonly<Record<string, string>>): string[] => [
		'-smbios',
		[`type=${type}`, ...Object.entries(values).map(([name, value]) => `${name}=${quote(value)}`)].join(','),
	];
	return [
		...['-uuid', uuid],
		...fields(1, { manufacturer, product: model, serial, uuid }),
		...fields(2, { manufacturer, product: model, serial, asset: assetTag }),
		...fields(3, { manufacturer, serial, asset: assetTag }),
	];
}

function firmware(mode: BootMode): string[] {
	if (mode === 'Legacy') return [];
	return [
		...['-drive', `if=pflash,format=raw,readonly=on,file=${UEFI_CODE}`],
		...['-drive', `if=pflash,format=raw,file=${FILES.uefiVariables}`],
	];
}

const fileNode = (filename: string) => ({ driver: 'file', filename, discard: 'unmap' });

const device = (driver: string, properties: Readonly<Record<string, unknown>>): string[] => [
	'-device',
	JSON.stringify({ driver, ...properties }),
];

/** In QEMU's lists of options a comma ends a value; two are one. */
const quote = (value: string): string => value.replaceAll(',', ',,');
