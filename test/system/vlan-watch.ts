import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import { startChild } from '../../common/processes/children.ts';
import type { VirtualNode } from '../../qemu/rack/virtual-node.ts';
import { until } from '../visitor.ts';
import type { ProvisionedRack } from './provisioned-rack.ts';
import { stranger } from './stranger.ts';

export interface WatchedFrame {
	/** When it came, in milliseconds since 1970. */
	readonly when: number;
	readonly bytes: Buffer;
}

/** What is sent on a VLAN, and by whom. */
export interface VlanWatch {
	/** All that has come so far. */
	frames(): readonly WatchedFrame[];
	/** When each frame came that a node has sent there, in milliseconds since 1970. */
	framesOf(node: VirtualNode): readonly number[];
}

/** Has the switch copy every frame of a VLAN, from whichever port, to a cable of its own, and reads what comes out of it. */
export async function watchVlan(
	t: ExecutionContext,
	rack: ProvisionedRack,
	vlan: number,
): Promise<VlanWatch> {
	const { network, device } = await stranger(t, rack, vlan);
	const mirror = ['--id=@port', 'get', 'port', `${device}p`];
	const copies = ['name=watch', 'select_all=true', `select_vlan=${vlan}`, 'output_port=@port'];
	await promisify(execFile)('ovs-vsctl', [
		...[`--db=unix:${rack.network.database}`, '--timeout=20', '--', ...mirror],
		...['--', '--id=@mirror', 'create', 'mirror', ...copies],
		...['--', 'add', 'bridge', 'ovs-connected', 'mirrors', '@mirror'],
	]);
	await promisify(execFile)('nsenter', [`--net=${network}`, '--', 'ip', 'link', 'set', 'dev', device, 'up']);
	let said = '';
	const script = fileURLToPath(new URL('frames.py', import.meta.url));
	const child = await startChild('python3', [script, device], {
		run: `test-watch-${process.pid}`,
		folder: '/',
		network,
		onOutput: bytes => {
			said += bytes.toString('latin1');
		},
	});
	t.teardown(() => child.stop());
	await until(
		async () => said,
		text => text.startsWith('listening\n'),
		60,
	);
	const frames = (): WatchedFrame[] =>
		said
			.split('\n')
			.slice(1, -1)
			.map(line => line.split(' '))
			.map(([seconds, hex = '']) => ({ when: Number(seconds) * 1000, bytes: Buffer.from(hex, 'hex') }));
	return {
		frames,
		framesOf({ plan }) {
			const macs = plan.nics.map(({ mac }) => mac.toLowerCase());
			return frames()
				.filter(({ bytes }) => macs.includes(senderOf(bytes)))
				.map(({ when }) => when);
		},
	};
}

const senderOf = (frame: Buffer): string => (frame.toString('hex', 6, 12).match(/../g) ?? []).join(':');

/** What of a frame is looked at; undefined for one that is not IPv4. */
export function ipv4Of(frame: Buffer) {
	if (frame.length < 34 || frame.readUInt16BE(12) !== 0x0800) return undefined;
	const dotted = (at: number): string => [...frame.subarray(at, at + 4)].join('.');
	const payload = 14 + (frame.readUInt8(14) & 15) * 4;
	return {
		from: dotted(26),
		to: dotted(30),
		/** 1 ICMP, 17 UDP, 50 ESP. */
		protocol: frame.readUInt8(23),
		/** To which, of UDP and TCP. */
		port: frame.length >= payload + 4 ? frame.readUInt16BE(payload + 2) : 0,
	};
}
