import type { ConsoleSocket } from '../../redfish/socket-route.ts';
import type { PowerState } from '../power.ts';

/** Keys and buttons that arrived, for who wants to know whether they did. */
export interface KvmInput {
	readonly keys: number[];
	pointers: number;
}

const VERSION = 'RFB 003.008\n';
const WIDTH = 160;
const HEIGHT = 120;
/** 32 bits a pixel, little-endian, red at bit 16: RFC 6143 §7.4. */
const PIXEL_FORMAT = Buffer.from([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]);
const NO_SECURITY = 1;
/** Bytes of client messages of fixed length by their type: RFC 6143 §7.5. */
const LENGTHS: Readonly<Record<number, number>> = { 0: 20, 3: 10, 4: 8, 5: 6 };

/**
 * The VNC server behind `/kvm/0`, as OpenBMC's obmc-ikvm is one: RFB 3.8 without security of its own (bmcweb has
 * asked who it is), a small framebuffer in Raw encoding that is black when the machine is off, keys and pointer.
 */
export function serveFramebuffer(
	host: { readonly name: string; readonly kind: () => PowerState['kind'] },
	socket: ConsoleSocket,
	input: KvmInput,
): void {
	let waiting: Buffer = Buffer.alloc(0);
	let stage: 'version' | 'security' | 'init' | 'running' = 'version';
	const need = (count: number): Buffer | undefined => {
		if (waiting.length < count) return undefined;
		const taken = waiting.subarray(0, count);
		waiting = waiting.subarray(count);
		return taken;
	};

	const step = (): boolean => {
		switch (stage) {
			case 'version': {
				const version = need(12);
				if (!version) return false;
				if (!/^RFB 003\.00[378]\n$/.test(version.toString('latin1'))) return end('not a version of RFB');
				socket.send(Buffer.from([1, NO_SECURITY]));
				stage = 'security';
				return true;
			}
			case 'security': {
				const chosen = need(1);
				if (!chosen) return false;
				if (chosen[0] !== NO_SECURITY) return end('no such security type');
				socket.send(Buffer.alloc(4));
				stage = 'init';
				return true;
			}
			case 'init': {
				if (!need(1)) return false;
				socket.send(serverInit(host.name));
				stage = 'running';
				return true;
			}
			case 'running':
				return takeMessage();
		}
	};

	const takeMessage = (): boolean => {
		const type = waiting[0];
		if (type === undefined) return false;
		if (type === 2) {
			// SetEncodings: Raw is always allowed, and all there is.
			if (waiting.length < 4) return false;
			return need(4 + 4 * waiting.readUInt16BE(2)) !== undefined;
		}
		if (type === 6) {
			// ClientCutText
			if (waiting.length < 8) return false;
			return need(8 + waiting.readUInt32BE(4)) !== undefined;
		}
		const length = LENGTHS[type];
		if (length === undefined) return end('an unknown message');
		const message = need(length);
		if (!message) return false;
		if (type === 0 && message[4] !== 32) return end('32 bits a pixel only');
		if (type === 3) socket.send(update(host.kind()));
		if (type === 4 && message[1] === 1) input.keys.push(message.readUInt32BE(4));
		if (type === 5) input.pointers++;
		return true;
	};

	const end = (reason: string): false => {
		waiting = Buffer.alloc(0);
		socket.close(reason);
		return false;
	};

	socket.onMessage(bytes => {
		waiting = Buffer.concat([waiting, bytes]);
		while (step()) {}
	});
	socket.send(Buffer.from(VERSION, 'latin1'));
}

function serverInit(name: string): Buffer {
	const title = Buffer.from(name, 'utf8');
	const head = Buffer.alloc(24);
	head.writeUInt16BE(WIDTH, 0);
	head.writeUInt16BE(HEIGHT, 2);
	PIXEL_FORMAT.copy(head, 4);
	head.writeUInt32BE(title.length, 20);
	return Buffer.concat([head, title]);
}

/** FramebufferUpdate with one rectangle in Raw encoding: RFC 6143 §7.6.1. */
function update(power: string): Buffer {
	const head = Buffer.alloc(16);
	head.writeUInt16BE(1, 2);
	head.writeUInt16BE(WIDTH, 8);
	head.writeUInt16BE(HEIGHT, 10);
	const pixels = Buffer.alloc(WIDTH * HEIGHT * 4);
	if (power !== 'Off') {
		for (let y = 0; y < HEIGHT; y++) {
			for (let x = 0; x < WIDTH; x++) pixels.writeUInt32LE((x << 16) | (y << 8), (y * WIDTH + x) * 4);
		}
	}
	return Buffer.concat([head, pixels]);
}
