import type { Clock } from '../../../common/clock.ts';
import type { Medium } from '../../bmc/host.ts';
import type { Qemu } from '../../machine/start-qemu.ts';
import type { ConsoleSocket } from '../../redfish/socket-route.ts';
import { FILES, IDS, type InsertedMedium, mediumBlock, usbDrive } from '../machine-arguments.ts';
import type { NbdDisk } from './nbd.ts';
import { type NbdServer, serveNbd } from './nbd-server.ts';
import { openNbdSource } from './nbd-source.ts';

const BLOCK = 512;
/** Where an ISO 9660 volume says what it is (ECMA-119, 8.1: sector 16, `CD001` from its second byte on). */
const VOLUME = { offset: 32_768n, length: 2048, name: 'CD001' };
/** Milliseconds for a guest to let a USB drive go that is pulled out. */
const UNPLUG_LIMIT_MS = 5000;

/** The removable medium of a server, which a client of its BMC serves. */
export interface VirtualMedium {
	/** What is in a drive when the machine starts. */
	inserted(): InsertedMedium | undefined;
	/** Serves it until the socket ends; only one at a time. */
	attach(socket: ConsoleSocket, onMedium: (medium: Medium | undefined) => void): void;
	close(): Promise<void>;
}

/**
 * A volume of ISO 9660 is put into the CD drive, anything else is a USB drive that is plugged in. `withQemu` does
 * something with the machine when it is its turn; while there is none, the next one starts with the medium.
 */
export function createVirtualMedium(options: {
	readonly folder: string;
	readonly clock: Clock;
	withQemu(work: (qemu: Qemu) => Promise<void>): void;
	onFault(fault: unknown): void;
}): VirtualMedium {
	const { folder, clock } = options;
	let server: NbdServer | undefined;
	let inserted: InsertedMedium | undefined;

	const serve = async (
		socket: ConsoleSocket,
		isOpen: () => boolean,
		onMedium: (medium: Medium | undefined) => void,
	): Promise<void> => {
		const disk = await openNbdSource(socket, clock);
		const first = await disk.request({ kind: 'read', offset: 0n, length: Math.min(BLOCK, disk.size) });
		const kind = (await isVolume(disk)) ? 'Cd' : 'Usb';
		const started = await serveNbd(folder, FILES.mediumSocket, disk);
		if (!isOpen()) return started.close();
		server = started;
		const medium: InsertedMedium = { kind, readOnly: kind === 'Cd' || disk.readOnly };
		inserted = medium;
		onMedium({ size: disk.size, readOnly: disk.readOnly, first });
		options.withQemu(qemu => (inserted === medium ? insert(qemu, medium) : Promise.resolve()));
	};
	const remove = (): void => {
		const gone = inserted;
		const ended = server;
		inserted = undefined;
		server = undefined;
		if (gone) options.withQemu(qemu => eject(qemu, gone, clock));
		ended?.close().catch(options.onFault);
	};

	return {
		inserted: () => inserted,
		attach(socket, onMedium) {
			let isOpen = true;
			socket.onClose(() => {
				isOpen = false;
				onMedium(undefined);
				remove();
			});
			serve(socket, () => isOpen, onMedium).catch(fault => {
				if (isOpen) options.onFault(fault);
				socket.close('the medium cannot be used');
			});
		},
		async close() {
			inserted = undefined;
			await server?.close();
			server = undefined;
		},
	};
}

async function isVolume(disk: NbdDisk): Promise<boolean> {
	const { offset, length, name } = VOLUME;
	if (disk.size < Number(offset) + length) return false;
	const sector = await disk.request({ kind: 'read', offset, length });
	return sector.subarray(1, 1 + name.length).toString('latin1') === name;
}

async function insert(qemu: Qemu, medium: InsertedMedium): Promise<void> {
	const { qmp } = qemu;
	// The machine may have started with it.
	if (await hasMedium(qemu)) return;
	await qmp.execute('blockdev-add', mediumBlock(medium.readOnly));
	if (medium.kind === 'Usb') {
		await qmp.execute('device_add', usbDrive());
		return;
	}
	await qmp.execute('blockdev-open-tray', { id: IDS.cd, force: true });
	await qmp.execute('blockdev-insert-medium', { id: IDS.cd, 'node-name': IDS.medium });
	await qmp.execute('blockdev-close-tray', { id: IDS.cd });
}

async function eject(qemu: Qemu, medium: InsertedMedium, clock: Clock): Promise<void> {
	const { qmp } = qemu;
	if (!(await hasMedium(qemu))) return;
	if (medium.kind === 'Usb') {
		let cancel = () => {};
		const unplugged = new Promise<void>(resolve => {
			const stop = qmp.onEvent(({ event, data }) => {
				if (event === 'DEVICE_DELETED' && data.device === IDS.usb) resolve();
			});
			cancel = clock.after(UNPLUG_LIMIT_MS, () => {
				stop();
				resolve();
			});
		});
		await qmp.execute('device_del', { id: IDS.usb });
		await Promise.race([unplugged, qmp.closed]);
		cancel();
	} else {
		await qmp.execute('blockdev-open-tray', { id: IDS.cd, force: true });
		await qmp.execute('blockdev-remove-medium', { id: IDS.cd });
		await qmp.execute('blockdev-close-tray', { id: IDS.cd });
	}
	await qmp.execute('blockdev-del', { 'node-name': IDS.medium });
}

async function hasMedium({ qmp }: Qemu): Promise<boolean> {
	const nodes = await qmp.execute('query-named-block-nodes', { flat: true });
	return Array.isArray(nodes) && nodes.some(node => node?.['node-name'] === IDS.medium);
}
