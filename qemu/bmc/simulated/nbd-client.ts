import type { ConsoleSocket } from '../../redfish/socket-route.ts';
import type { Medium } from '../host.ts';

const BLOCK = 512;
const NEWSTYLE = Buffer.from('NBDMAGICIHAVEOPT', 'latin1');
const NO_ZEROES = 2;
const EXPORT_NAME = 1;
const REQUEST = 0x25609513;
const REPLY = 0x67446698;
const HANDLE = Buffer.from('bimetal1', 'latin1');

/**
 * The BMC's end of `/vm/0/0`: the client serves a disk over NBD (the NBD project's doc/proto.md, fixed newstyle),
 * and the BMC reads it as it is attached. Attached is one medium at a time, for as long as the socket is open.
 */
export function attachMedium(socket: ConsoleSocket, onMedium: (medium: Medium | undefined) => void): void {
	let waiting: Buffer = Buffer.alloc(0);
	let stage: 'greeting' | 'export' | 'reading' | 'idle' = 'greeting';
	let hasZeroes = true;
	let medium: Medium | undefined;

	const take = (count: number): Buffer | undefined => {
		if (waiting.length < count) return undefined;
		const taken = waiting.subarray(0, count);
		waiting = waiting.subarray(count);
		return taken;
	};
	const fail = (reason: string): false => {
		socket.close(reason);
		return false;
	};

	const step = (): boolean => {
		switch (stage) {
			case 'greeting': {
				const greeting = take(18);
				if (!greeting) return false;
				if (!greeting.subarray(0, 16).equals(NEWSTYLE)) return fail('not an NBD server');
				hasZeroes = (greeting.readUInt16BE(16) & NO_ZEROES) === 0;
				const flags = Buffer.alloc(4);
				flags.writeUInt32BE(greeting.readUInt16BE(16) & 3);
				const option = Buffer.alloc(16);
				NEWSTYLE.copy(option, 0, 8);
				option.writeUInt32BE(EXPORT_NAME, 8);
				socket.send(Buffer.concat([flags, option]));
				stage = 'export';
				return true;
			}
			case 'export': {
				const described = take(hasZeroes ? 134 : 10);
				if (!described) return false;
				const size = Number(described.readBigUInt64BE(0));
				medium = { size, readOnly: (described.readUInt16BE(8) & 2) !== 0, first: undefined };
				onMedium(medium);
				const read = Buffer.alloc(28);
				read.writeUInt32BE(REQUEST, 0);
				HANDLE.copy(read, 8);
				read.writeUInt32BE(BLOCK, 24);
				socket.send(read);
				stage = 'reading';
				return true;
			}
			case 'reading': {
				const reply = take(16 + BLOCK);
				if (!reply || !medium) return false;
				if (reply.readUInt32BE(0) !== REPLY || reply.readUInt32BE(4) !== 0) return fail('it cannot be read');
				medium.first = Buffer.from(reply.subarray(16));
				stage = 'idle';
				return true;
			}
			case 'idle':
				waiting = Buffer.alloc(0);
				return false;
		}
	};

	socket.onClose(() => onMedium(undefined));
	socket.onMessage(bytes => {
		waiting = Buffer.concat([waiting, bytes]);
		while (step()) {}
	});
}
