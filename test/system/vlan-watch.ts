import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import { startChild } from '../../common/processes/children.ts';
import type { VirtualNode } from '../../qemu/rack/virtual-node.ts';
import { until } from '../visitor.ts';
import type { ProvisionedRack } from './provisioned-rack.ts';
import { stranger } from './stranger.ts';

/** Who has sent anything on a VLAN. */
export interface VlanWatch {
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
	const script = fileURLToPath(new URL('senders.py', import.meta.url));
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
	return {
		framesOf({ plan }) {
			const macs = plan.nics.map(({ mac }) => mac.toLowerCase());
			return said
				.split('\n')
				.map(line => line.split(' '))
				.filter(([, mac = '']) => macs.includes(mac))
				.map(([seconds]) => Number(seconds) * 1000);
		},
	};
}
