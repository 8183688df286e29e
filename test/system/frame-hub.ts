import { createServer, type Socket } from 'node:net';
import type { ExecutionContext } from 'ava';

/** A frame of Ethernet, and the port that it came in by; `stranger` is this process. */
export interface SeenFrame {
	readonly from: string;
	readonly bytes: Buffer;
}

/** Passes every frame on to all other ports, and keeps all that it has seen: what anybody on the way would see. */
export interface FrameHub {
	readonly frames: readonly SeenFrame[];
	/** QEMU's arguments for a network card on a port of that name. */
	plug(name: string, mac: string): Promise<readonly string[]>;
	/** Sends a frame to all ports. */
	send(bytes: Buffer): void;
	onFrame(listener: (frame: SeenFrame) => void): void;
}

/** Each machine connects by TCP, where a frame has its length before it, 4 bytes big-endian (QEMU, net/socket.c). */
export function openFrameHub(t: ExecutionContext): FrameHub {
	const frames: SeenFrame[] = [];
	const ports = new Map<string, Socket>();
	const listeners = new Set<(frame: SeenFrame) => void>();
	const pass = (frame: SeenFrame): void => {
		frames.push(frame);
		const length = Buffer.alloc(4);
		length.writeUInt32BE(frame.bytes.length);
		for (const [name, port] of ports)
			if (name !== frame.from) port.write(Buffer.concat([length, frame.bytes]));
		for (const listener of listeners) listener(frame);
	};
	return {
		frames,
		async plug(name, mac) {
			const server = createServer(socket => {
				ports.set(name, socket);
				let rest = Buffer.alloc(0);
				socket.on('error', () => socket.destroy());
				socket.on('close', () => ports.delete(name));
				socket.on('data', data => {
					rest = Buffer.concat([rest, data]);
					while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
						const end = 4 + rest.readUInt32BE(0);
						pass({ from: name, bytes: Buffer.from(rest.subarray(4, end)) });
						rest = rest.subarray(end);
					}
				});
			});
			await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
			t.teardown(() => {
				ports.get(name)?.destroy();
				server.close();
			});
			const { port } = server.address() as { port: number };
			const netdev = `socket,id=n,connect=127.0.0.1:${port}`;
			return ['-netdev', netdev, '-device', `virtio-net-pci,netdev=n,mac=${mac}`];
		},
		send: bytes => pass({ from: 'stranger', bytes }),
		onFrame: listener => listeners.add(listener),
	};
}

/** An address of IPv4 as its four bytes. */
const bytesOf = (address: string): Buffer => Buffer.from(address.split('.').map(Number));
const macBytes = (mac: string): Buffer => Buffer.from(mac.replaceAll(':', ''), 'hex');

/** What of a frame is looked at; undefined for one that is not IPv4. */
export function ipv4Of({ bytes }: SeenFrame) {
	if (bytes.length < 34 || bytes.readUInt16BE(12) !== 0x0800) return undefined;
	const dotted = (at: number) => [...bytes.subarray(at, at + 4)].join('.');
	const headerLength = (bytes.readUInt8(14) & 15) * 4;
	return {
		from: dotted(26),
		to: dotted(30),
		/** 1 ICMP, 17 UDP, 50 ESP. */
		protocol: bytes.readUInt8(23),
		/** Of UDP and TCP. */
		port: bytes.length >= 14 + headerLength + 4 ? bytes.readUInt16BE(14 + headerLength + 2) : 0,
	};
}

/** The Internet checksum (RFC 1071). */
function checksum(bytes: Buffer): number {
	let sum = 0;
	for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
	while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/** Who sends, and to whom: hardware addresses and those of IPv4. */
export interface Ends {
	readonly mac: string;
	readonly from: string;
	readonly toMac: string;
	readonly to: string;
}

/** An echo request (RFC 792), in the clear. */
export function echoRequest({ mac, from, toMac, to }: Ends, sequence: number): Buffer {
	const icmp = Buffer.alloc(16);
	icmp.writeUInt8(8, 0);
	icmp.writeUInt16BE(0x7e57, 4);
	icmp.writeUInt16BE(sequence, 6);
	icmp.writeUInt16BE(checksum(icmp), 2);
	const ip = Buffer.alloc(20);
	ip.writeUInt8(0x45, 0);
	ip.writeUInt16BE(20 + icmp.length, 2);
	ip.writeUInt8(64, 8);
	ip.writeUInt8(1, 9);
	bytesOf(from).copy(ip, 12);
	bytesOf(to).copy(ip, 16);
	ip.writeUInt16BE(checksum(ip), 10);
	const type = Buffer.from([8, 0]);
	return Buffer.concat([macBytes(toMac), macBytes(mac), type, ip, icmp]);
}

/** The answer to a question for this address (RFC 826); undefined for every other frame. */
export function arpAnswer({ bytes }: SeenFrame, { mac, address }: { mac: string; address: string }) {
	const isAsked =
		bytes.length >= 42 &&
		bytes.readUInt16BE(12) === 0x0806 &&
		bytes.readUInt16BE(20) === 1 &&
		bytes.subarray(38, 42).equals(bytesOf(address));
	if (!isAsked) return undefined;
	const asker = bytes.subarray(22, 32);
	const head = Buffer.from([8, 6, 0, 1, 8, 0, 6, 4, 0, 2]);
	return Buffer.concat([bytes.subarray(6, 12), macBytes(mac), head, macBytes(mac), bytesOf(address), asker]);
}
