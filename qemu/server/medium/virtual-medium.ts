import { z } from 'zod';
import type { Clock } from '../../../common/clock.ts';
import { BimetalError } from '../../../common/errors/bimetal-error.ts';
import type { Medium } from '../../bmc/host.ts';
import type { Qemu } from '../../machine/start-qemu.ts';
import type { ConsoleSocket } from '../../redfish/socket-route.ts';
import { IDS, type InsertedMedium, mediumBlock, mediumSocket, usbDrive } from '../machine-arguments.ts';
import type { NbdDisk } from './nbd.ts';
import { type NbdServer, serveNbd } from './nbd-server.ts';
import { openNbdSource } from './nbd-source.ts';

const BLOCK = 512;
/** Where an ISO 9660 volume says what it is (ECMA-119, 8.1: sector 16, `CD001` from its second byte on). */
const VOLUME = { offset: 32_768n, length: 2048, name: 'CD001' };
/** What the names of their block nodes begin with. */
const NODE = { Cd: 'medium-cd-', Usb: 'medium-usb-' } as const;
const ATTEMPTS = 5;
/** Milliseconds for a guest to let a USB drive go that is pulled out. */
const UNPLUG_LIMIT_MS = 5000;

// QEMU QMP Reference Manual: BlockDeviceInfo and ObjectPropertyInfo, as far as they are looked at.
const blockNodes = z.array(z.object({ 'node-name': z.string() }));
const properties = z.array(z.object({ name: z.string() }));

/** The removable medium of a server, which a client of its BMC serves. */
export interface VirtualMedium {
	/** What is in a drive when the machine starts. */
	inserted(): InsertedMedium | undefined;
	/** Another machine runs, which may have started without the medium, or with one that has gone since. */
	machineStarted(qemu: Qemu): void;
	/** Serves it until the socket ends; only one at a time. */
	attach(socket: ConsoleSocket, onMedium: (medium: Medium | undefined) => void): void;
	close(): Promise<void>;
}

/**
 * A volume of ISO 9660 is put into the CD drive, anything else is a USB drive that is plugged in. That takes no turn among
 * the resets: a client that does not answer keeps QEMU waiting, and must not keep the power on.
 */
export function createVirtualMedium(options: {
	readonly folder: string;
	readonly clock: Clock;
	onFault(fault: unknown): void;
}): VirtualMedium {
	const { folder, clock } = options;
	let qemu: Qemu | undefined;
	let server: NbdServer | undefined;
	let inserted: InsertedMedium | undefined;
	let count = 0;
	let turn: Promise<void> = Promise.resolve();

	/** Makes the drives hold what they should, after what is under way. */
	const reconcile = (): void => {
		turn = turn.then(async () => {
			const wanted = inserted;
			for (let attempt = 1; ; attempt++) {
				try {
					if (qemu) await holdOnly(qemu, wanted, clock);
					return;
				} catch (fault) {
					// The machine, or the medium, went meanwhile: that is followed by a turn of its own.
					const isGone = fault instanceof BimetalError && fault.code === 'QmpClosed';
					if (isGone || wanted !== inserted) return;
					// Firmware that resets its controllers shuts the drive between opening it and changing what is in it.
					if (attempt === ATTEMPTS) return options.onFault(fault);
				}
			}
		});
	};
	const serve = async (
		socket: ConsoleSocket,
		isOpen: () => boolean,
		onMedium: (medium: Medium | undefined) => void,
	): Promise<void> => {
		const disk = await openNbdSource(socket, clock);
		const first = await disk.request({ kind: 'read', offset: 0n, length: Math.min(BLOCK, disk.size) });
		const kind = (await isVolume(disk)) ? 'Cd' : 'Usb';
		const node = `${NODE[kind]}${++count}`;
		const started = await serveNbd(folder, mediumSocket(node), disk);
		if (!isOpen()) return started.close();
		server = started;
		inserted = { node, kind, readOnly: kind === 'Cd' || disk.readOnly };
		onMedium({ size: disk.size, readOnly: disk.readOnly, first });
		reconcile();
	};

	return {
		inserted: () => inserted,
		machineStarted(started) {
			qemu = started;
			reconcile();
		},
		attach(socket, onMedium) {
			let isOpen = true;
			socket.onClose(() => {
				isOpen = false;
				onMedium(undefined);
				inserted = undefined;
				server?.close().catch(options.onFault);
				server = undefined;
				reconcile();
			});
			serve(socket, () => isOpen, onMedium).catch(fault => {
				if (isOpen) options.onFault(fault);
				socket.close('the medium cannot be used');
			});
		},
		async close() {
			qemu = undefined;
			inserted = undefined;
			await server?.close();
			server = undefined;
		},
	};
}

/** Takes every other medium out of its drive, and puts the wanted one in. */
async function holdOnly(qemu: Qemu, wanted: InsertedMedium | undefined, clock: Clock): Promise<void> {
	const present = await nodes(qemu);
	for (const node of present) {
		if (node === wanted?.node) continue;
		if (node.startsWith(NODE.Cd)) await ejectCd(qemu);
		else if (!node.startsWith(NODE.Usb)) continue;
		else if (await hasDrive(qemu)) await unplug(qemu, clock);
		await deleteNode(qemu, node);
	}
	if (wanted && !present.includes(wanted.node)) await insert(qemu, wanted);
}

async function isVolume(disk: NbdDisk): Promise<boolean> {
	const { offset, length, name } = VOLUME;
	if (disk.size < Number(offset) + length) return false;
	const sector = await disk.request({ kind: 'read', offset, length });
	return sector.subarray(1, 1 + name.length).toString('latin1') === name;
}

async function insert(qemu: Qemu, medium: InsertedMedium): Promise<void> {
	const { qmp } = qemu;
	await qmp.execute('blockdev-add', mediumBlock(medium));
	if (medium.kind === 'Usb') {
		await qmp.execute('device_add', usbDrive(medium));
		return;
	}
	try {
		await qmp.execute('blockdev-open-tray', { id: IDS.cd, force: true });
		await qmp.execute('blockdev-insert-medium', { id: IDS.cd, 'node-name': medium.node });
	} catch (fault) {
		await deleteNode(qemu, medium.node);
		throw fault;
	}
	await qmp.execute('blockdev-close-tray', { id: IDS.cd });
}

async function deleteNode(qemu: Qemu, node: string): Promise<void> {
	try {
		await qemu.qmp.execute('blockdev-del', { 'node-name': node });
	} catch (fault) {
		// One whose server went while it was being added is listed for a moment and goes by itself.
		if ((await nodes(qemu)).includes(node)) throw fault;
	}
}

async function nodes({ qmp }: Qemu): Promise<readonly string[]> {
	const list = blockNodes.parse(await qmp.execute('query-named-block-nodes', { flat: true }));
	return list.map(one => one['node-name']);
}

async function ejectCd({ qmp }: Qemu): Promise<void> {
	await qmp.execute('blockdev-open-tray', { id: IDS.cd, force: true });
	await qmp.execute('blockdev-remove-medium', { id: IDS.cd });
	await qmp.execute('blockdev-close-tray', { id: IDS.cd });
}

async function unplug({ qmp }: Qemu, clock: Clock): Promise<void> {
	let end = () => {};
	const unplugged = new Promise<void>(resolve => {
		const stop = qmp.onEvent(({ event, data }) => {
			if (event === 'DEVICE_DELETED' && data.device === IDS.usb) resolve();
		});
		const cancel = clock.after(UNPLUG_LIMIT_MS, resolve);
		end = () => {
			stop();
			cancel();
		};
	});
	try {
		await qmp.execute('device_del', { id: IDS.usb });
		await Promise.race([unplugged, qmp.closed]);
	} finally {
		end();
	}
}

async function hasDrive({ qmp }: Qemu): Promise<boolean> {
	const devices = properties.parse(await qmp.execute('qom-list', { path: '/machine/peripheral' }));
	return devices.some(({ name }) => name === IDS.usb);
}
