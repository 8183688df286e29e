import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { runIp } from '../../common/network/ip-commands.ts';
import { findProgram } from '../../common/processes/programs.ts';
import type { SwitchOfRack } from './machine-room.ts';

/** What booting nodes takes beside images and disks. */
export const bootPrograms = ['tgtd', 'dnsmasq', 'ip', 'ethtool', 'ovs-vsctl'];

/** A cable from this machine into the switch of a rack. */
export interface BootWire {
	/** The device at our end. */
	readonly device: string;
	close(): Promise<void>;
}

/** Milliseconds for a program. */
const patience = 20_000;

/**
 * Lays a cable into a port of a rack's switch, on a VLAN. With the switch's network it is gone, however that ends.
 * @param name six letters, of which this process has one cable
 */
export async function layBootWire(
	{ network, database }: SwitchOfRack,
	vlan: number,
	name: 'bmwire' | 'bmnear' = 'bmwire',
): Promise<BootWire> {
	// 15 characters are the most.
	const device = `${name}${process.pid}`;
	const port = `${device}p`;
	const run = promisify(execFile);
	const [ethtool, ovs] = await Promise.all([findProgram('ethtool'), findProgram('ovs-vsctl')]);
	await runIp(undefined, [`link add ${device} type veth peer name ${port} netns ${network}`]);
	try {
		await runIp(network, [`link set dev ${port} addrgenmode none`, `link set dev ${port} up`]);
		// Open vSwitch in userspace passes frames on as they are: their checksums must be there.
		await run(ethtool, ['-K', device, 'tx', 'off'], { timeout: patience });
		const add = ['add-port', 'ovs-connected', port, `tag=${vlan}`];
		await run(ovs, [`--db=unix:${database}`, '--timeout=20', ...add], { timeout: patience });
	} catch (fault) {
		await runIp(undefined, [`link delete dev ${device}`]).catch(() => undefined);
		throw fault;
	}
	return { device, close: () => runIp(undefined, [`link delete dev ${device}`]).catch(() => undefined) };
}
