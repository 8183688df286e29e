import { WebSocket } from 'ws';
import type { Bmc } from '../../bmc/bmc.ts';
import { PASSWORD } from '../../bmc/test-bmc.ts';
import { testSector } from '../test-sector.ts';
import { Incoming, NBD } from './nbd.ts';

const SECTOR = 2048;
/** Bytes of one WebSocket message. */
const MESSAGE = 65_536;

/**
 * An ISO 9660 volume without files that boots test-sector.s with a label (El Torito 1.0, without emulation: the boot
 * record volume in sector 17 tells of the catalog in 19, that of the image in 20).
 */
export function testVolume(label: string): Buffer {
	const volume = Buffer.alloc(64 * SECTOR);
	const describe = (sector: number, type: number, text = ''): Buffer => {
		const at = volume.subarray(sector * SECTOR, (sector + 1) * SECTOR);
		at.writeUInt8(type, 0);
		at.write('CD001\x01', 1, 'latin1');
		at.write(text, 7, 'latin1');
		return at;
	};
	describe(16, 1);
	describe(17, 0, 'EL TORITO SPECIFICATION').writeUInt32LE(19, 0x47);
	describe(18, 255);
	const catalog = volume.subarray(19 * SECTOR);
	catalog.writeUInt8(1, 0);
	catalog.writeUInt16LE(0xaa55, 30);
	// The sixteen words of the validation entry add up to nothing.
	let sum = 0;
	for (let at = 0; at < 32; at += 2) sum += catalog.readUInt16LE(at);
	catalog.writeUInt16LE(-sum & 0xffff, 28);
	catalog.writeUInt8(0x88, 32);
	catalog.writeUInt16LE(1, 38);
	catalog.writeUInt32LE(20, 40);
	testSector(label).copy(volume, 20 * SECTOR);
	return volume;
}

export interface MediumForTest {
	/** Resolves with the close frame's reason. */
	readonly closed: Promise<string>;
	/** How many reads were answered. */
	reads(): number;
	detach(): Promise<void>;
}

/**
 * Serves a disk at a BMC's `/vm/0/0`, as a client does; resolves when the BMC has taken it. After
 * `answers` reads it says nothing any more.
 */
export async function attachTestMedium(
	{ url, consoles }: Pick<Bmc, 'url' | 'consoles'>,
	disk: Buffer,
	options: { readonly answers?: number } = {},
): Promise<MediumForTest> {
	const authorization = `Basic ${Buffer.from(`root:${PASSWORD}`).toString('base64')}`;
	const socket = new WebSocket(`${url.replace('http', 'ws')}/vm/0/0`, { headers: { authorization } });
	const incoming = new Incoming();
	let stage: 'option' | 'requests' = 'option';
	let reads = 0;
	const step = (): boolean => {
		if (stage === 'option') {
			if (!incoming.take(20)) return false;
			const described = Buffer.alloc(10);
			described.writeBigUInt64BE(BigInt(disk.length), 0);
			described.writeUInt16BE(NBD.flags.has, 8);
			socket.send(described);
			stage = 'requests';
			return true;
		}
		const head = incoming.peek(28);
		if (!head) return false;
		const [command, offset, length] = [
			head.readUInt16BE(6),
			Number(head.readBigUInt64BE(16)),
			head.readUInt32BE(24),
		];
		const whole = incoming.take(28 + (command === NBD.commands.write ? length : 0));
		if (!whole) return false;
		const reply = Buffer.alloc(16);
		reply.writeUInt32BE(NBD.reply, 0);
		whole.copy(reply, 8, 8, 16);
		if (command === NBD.commands.write) whole.copy(disk, offset, 28);
		else if (reads++ >= (options.answers ?? Number.POSITIVE_INFINITY)) return true;
		const data = command === NBD.commands.read ? disk.subarray(offset, offset + length) : Buffer.alloc(0);
		const all = Buffer.concat([reply, data]);
		for (let at = 0; at < all.length; at += MESSAGE) socket.send(all.subarray(at, at + MESSAGE));
		return true;
	};
	socket.on('message', (bytes: Buffer) => {
		incoming.add(bytes);
		while (step()) {}
	});
	const closed = new Promise<string>(resolve =>
		socket.on('close', (_, reason) => resolve(reason.toString())),
	);
	await new Promise<void>((resolve, reject) => socket.once('open', resolve).once('error', reject));
	socket.send(Buffer.concat([NBD.greeting, Buffer.from([0, 3])]));
	while (!consoles.medium() && socket.readyState === socket.OPEN)
		await new Promise(resolve => setTimeout(resolve, 10));
	return {
		closed,
		reads: () => reads,
		async detach() {
			socket.close();
			await closed;
		},
	};
}
