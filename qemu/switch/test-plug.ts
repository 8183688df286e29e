import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild } from '../../common/processes/children.ts';
import type { Switch, SwitchPort } from './switch.ts';

/** Something plugged into a port, which sends and takes Ethernet frames as they are. */
export interface Plug {
	send(frame: Buffer): void;
	/** Waits until a frame has come whose payload holds this text. */
	waitFor(text: string, ms?: number): Promise<void>;
	/** Texts of all frames that have come; `@10` behind that of one with the tag of VLAN 10. */
	texts(): readonly string[];
	close(): Promise<void>;
}

const broadcast = Buffer.alloc(6, 0xff);
// "Local Experimental Ethertype 1" (IEEE 802).
const etherType = 0x88b5;
const marker = 'bimetal/';

/** A frame with a text, to one station or to all; with `tag`, one that claims to be of that VLAN (IEEE 802.1Q). */
export function frame(text: string, options: { from: number; to?: number; tag?: number }): Buffer {
	const station = (number: number) => Buffer.from([0x02, 0, 0, 0, 0, number]);
	const source = station(options.from);
	const tag = options.tag === undefined ? [] : [0x81, 0x00, options.tag >> 8, options.tag & 0xff];
	const type = [etherType >> 8, etherType & 0xff];
	return Buffer.concat([
		options.to === undefined ? broadcast : station(options.to),
		source,
		Buffer.from([...tag, ...type]),
		Buffer.from(`${marker}${text}/`.padEnd(46, '.')),
	]);
}

/**
 * Plugs into a port's tap with QEMU's own network back end, as a virtual server does, but with no machine behind it: a
 * hub joins the tap and a stream socket, on which each frame has its length before it.
 */
export async function plugIn(network: Switch, { tap }: SwitchPort, run: string): Promise<Plug> {
	const folder = await mkdtemp(join(tmpdir(), 'bimetal-plug-'));
	const child = await startChild(
		'qemu-system-x86_64',
		[
			...['-M', 'none', '-nodefaults', '-display', 'none'],
			...['-netdev', `tap,id=tap,ifname=${tap},script=no,downscript=no,vnet_hdr=off`],
			...['-netdev', 'stream,id=wire,server=on,addr.type=unix,addr.path=wire.sock'],
			...['-netdev', 'hubport,id=one,hubid=0,netdev=tap', '-netdev', 'hubport,id=two,hubid=0,netdev=wire'],
		],
		{ run, folder, network: network.network },
	);
	let hasEnded = false;
	void child.exited.then(() => {
		hasEnded = true;
	});
	const socket = await connectSoon(`/proc/${child.pid}/cwd/wire.sock`, () => {
		if (hasEnded) throw new Error(`the plug has ended: ${child.errorLines().join('; ')}`);
	});
	const seen: string[] = [];
	const waiting = new Set<() => void>();
	let rest: Buffer = Buffer.alloc(0);
	socket.on('error', () => undefined);
	socket.on('data', bytes => {
		rest = Buffer.concat([rest, bytes]);
		while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
			const length = rest.readUInt32BE(0);
			const text = rest.toString('latin1', 4, 4 + length);
			rest = rest.subarray(4 + length);
			const found = text.indexOf(marker);
			if (found === -1) continue;
			const words = text.slice(found + marker.length).split('/')[0] ?? '';
			const isTagged = text.charCodeAt(12) === 0x81 && text.charCodeAt(13) === 0;
			const tag = ((text.charCodeAt(14) & 0x0f) << 8) | text.charCodeAt(15);
			seen.push(isTagged ? `${words}@${tag}` : words);
		}
		for (const look of waiting) look();
	});
	return {
		send(bytes) {
			const length = Buffer.alloc(4);
			length.writeUInt32BE(bytes.length);
			socket.write(Buffer.concat([length, bytes]));
		},
		waitFor: (text, ms = 10_000) =>
			new Promise((resolve, reject) => {
				const look = (): void => {
					if (!seen.includes(text)) return;
					clearTimeout(timer);
					waiting.delete(look);
					resolve();
				};
				const timer = setTimeout(() => {
					waiting.delete(look);
					reject(new Error(`no frame ${text} has come within ${ms} ms, only: ${seen.join(', ')}`));
				}, ms);
				waiting.add(look);
				look();
			}),
		texts: () => [...seen],
		async close() {
			socket.destroy();
			await child.stop();
			await rm(folder, { recursive: true, force: true });
		},
	};
}

async function connectSoon(path: string, check: () => void): Promise<Socket> {
	for (const end = performance.now() + 20_000; ; ) {
		const socket = connect(path);
		const fault = await new Promise<Error | undefined>(resolve =>
			socket.once('connect', () => resolve(undefined)).once('error', resolve),
		);
		if (!fault) return socket;
		check();
		if (performance.now() > end) throw fault;
		await new Promise(resolve => setTimeout(resolve, 20));
	}
}
