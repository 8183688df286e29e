import { connect } from 'node:net';
import { provisionerErrors } from '../errors.ts';

/** What a request is about, and what is to be done with it: tgt's usr/tgtadm.h. */
const modes = { target: 1, unit: 2, portal: 3, account: 7 } as const;
const operations = { new: 0, delete: 1, show: 2, bind: 3, unbind: 4, update: 5 } as const;

export interface TgtRequest {
	readonly mode: keyof typeof modes;
	readonly operation: keyof typeof operations;
	readonly target?: number;
	readonly unit?: number;
	/** Of an account: the one that the target proves itself by. */
	readonly isOutgoing?: boolean;
	readonly isForced?: boolean;
	/** `targetname=…`, `path=…`. No value may hold a comma. */
	readonly parameters?: Readonly<Record<string, string>>;
}

/** Bytes of struct tgtadm_req and struct tgtadm_rsp. */
const requestLength = 120;
const answerLength = 8;
/** Milliseconds, and bytes, that an answer may take. */
const patience = 10_000;
const longest = 4 * 1024 * 1024;

/** tgt's words for the errors that we meet; others are told by their number (usr/tgtadm_error.h). */
const words: Readonly<Record<number, string>> = {
	2: 'out of memory',
	4: "can't find the target",
	5: "can't find the logical unit",
	6: "can't find the session",
	7: "can't find the connection",
	8: "can't find the binding",
	9: 'this target already exists',
	10: 'this logical unit already exists',
	12: 'this access control rule already exists',
	13: 'this access control rule does not exist',
	14: 'this account already exists',
	15: "can't find the account",
	16: 'too many accounts',
	17: 'invalid request',
	19: 'this target is in use',
	20: 'this logical unit is in use',
};

/**
 * Asks tgtd something over its control socket. tgtadm(8) does the same, but takes passwords as arguments, where whoever
 * looks at processes sees them; this is its protocol, as of tgt 1.0.85, for a daemon of the same machine.
 * @throws StorageFault with tgt's reason
 */
export function askTgt(socketPath: string, request: TgtRequest): Promise<string> {
	const { mode, operation, target, unit, isOutgoing, isForced, parameters = {} } = request;
	for (const [key, value] of Object.entries(parameters)) {
		if (!/^[^,\0]+$/.test(value)) throw provisionerErrors.StorageFault(`tgt takes no such ${key}`);
	}
	const pairs = Object.entries(parameters).map(([key, value]) => `${key}=${value}`);
	const payload = pairs.length === 0 ? Buffer.alloc(0) : Buffer.from(`${pairs.join(',')}\0`);
	const head = Buffer.alloc(requestLength);
	head.writeUInt32LE(modes[mode], 0);
	head.writeUInt32LE(operations[operation], 4);
	head.write('iscsi', 8, 'ascii');
	head.writeUInt32LE(requestLength + payload.length, 72);
	head.writeInt32LE(target ?? -1, 76);
	head.writeBigInt64LE(BigInt(unit ?? -1), 88);
	head.writeUInt32LE(isOutgoing ? 1 : 0, 108);
	head.writeUInt32LE(isForced ? 1 : 0, 116);
	return new Promise((resolve, reject) => {
		const fail = (why: string, cause?: unknown): void => {
			socket.destroy();
			reject(provisionerErrors.StorageFault(`tgtd: ${why}`, { cause }));
		};
		const socket = connect(socketPath);
		const pieces: Buffer[] = [];
		let length = 0;
		socket.setTimeout(patience, () => fail('it does not answer'));
		socket.on('connect', () => socket.write(Buffer.concat([head, payload])));
		socket.on('error', cause => fail('it cannot be reached', cause));
		socket.on('close', () => fail('it has hung up'));
		socket.on('data', piece => {
			pieces.push(piece);
			length += piece.length;
			if (length < answerLength) return;
			const answer = Buffer.concat(pieces);
			const whole = answer.readUInt32LE(4);
			if (whole > longest) return fail('its answer is too long');
			if (length < whole) return;
			const error = answer.readUInt32LE(0);
			if (error !== 0) return fail(words[error] ?? `error ${error}`);
			socket.destroy();
			resolve(answer.subarray(answerLength, whole).toString('utf8').replace(/\0+$/, ''));
		});
	});
}
