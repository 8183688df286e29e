import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Clock } from '../../common/clock.ts';
import { type Bmc, type PowerStateName, startBmc } from '../bmc/bmc.ts';
import type { Host, HostFactory } from '../bmc/host.ts';
import type { Accelerator } from '../machine/accelerator.ts';
import type { AccountSeed } from '../redfish/accounts.ts';
import type { TlsIdentity } from '../redfish/http-server.ts';
import type { Switch } from '../switch/switch.ts';
import { listening } from './listening.ts';
import { type NodeDisk, openNodeDisk } from './node-disk.ts';
import { makeOwnFolder, type RackFolders } from './rack-folders.ts';
import type { NodePlan } from './rack-plan.ts';
import type { RackCredential } from './rack-secrets.ts';
import { virtualServer } from './virtual-server.ts';

/** A server of the rack with its BMC. */
export interface VirtualNode {
	readonly name: string;
	readonly plan: NodePlan;
	readonly bmc: Bmc;
	readonly credential: RackCredential;
	/** Everything that its serial port has written. */
	readonly consoleFile: string;
	/** Its disks, TPM, firmware settings; its processes run in it. */
	readonly folder: string;
	readonly serial: Host['serial'];
	/** Of its QEMU process, while it is on. */
	pid(): number | undefined;
}

/** The account that a BMC, or the PDU, has from the beginning. */
export const accountOf = ({ username, password }: RackCredential): AccountSeed => ({
	name: username,
	password,
	role: 'Administrator',
});

/** Starts a node: its disk, its ports of the switch, and its BMC with the server off. Throws as `startVirtualRack`. */
export async function startVirtualNode(parts: {
	readonly node: NodePlan;
	readonly folders: RackFolders;
	/** Where the BMC listens. */
	readonly host: string;
	readonly tls: TlsIdentity | undefined;
	readonly credential: RackCredential;
	/** What its disk is made of, where there is none yet. */
	readonly disk: NodeDisk | undefined;
	readonly network: Switch | undefined;
	readonly accelerator: Accelerator;
	readonly clock: Clock;
	readonly logger?: Pick<Logger, 'info' | 'error'> | undefined;
	readonly onPowerChange: (state: PowerStateName, node: string) => void;
	/** Whether its outlet gives power: without, nothing switches it on. */
	readonly isPowered: () => boolean;
}): Promise<VirtualNode> {
	const { node, folders, network, credential } = parts;
	const { name } = node;
	const given = join(folders.stateFolder, 'nodes', name);
	await makeOwnFolder(given);
	// As the kernel names it, by which its processes are found.
	const folder = await realpath(given);
	const disk = parts.disk && join(folder, 'disk.qcow2');
	if (node.disk && parts.disk && disk) await openNodeDisk(node.disk, parts.disk, disk);
	const taps: string[] = [];
	for (const { port, vlans } of network ? node.nics : []) {
		taps.push((await network?.createPort(port))?.tap ?? '');
		await network?.setVlans(port, vlans);
	}
	const consoleFile = join(folder, 'console.log');
	const server = virtualServer({
		node,
		folder,
		run: folders.run,
		disk,
		taps,
		network: network?.network,
		accelerator: parts.accelerator,
		consoleFile,
		tpmAuthority: join(folders.stateFolder, 'tpm-authority'),
	});
	let host: Host | undefined;
	const bmc = await listening(
		parts.host,
		node.bmcPort,
		startBmc({
			name,
			clock: parts.clock,
			logger: parts.logger,
			host: parts.host,
			port: node.bmcPort,
			tls: parts.tls,
			accounts: [accountOf(credential)],
			identity: node.identity,
			power: 'Off',
			stateFile: join(folders.stateFolder, 'bmcs', `${name}.json`),
			createHost: startingOff(server.createHost, parts.isPowered, made => {
				host = made;
			}),
			onPowerChange: parts.onPowerChange,
		}),
	);
	if (!host) throw new Error(`the BMC of ${name} made no server`);
	const { serial } = host;
	return { name, plan: node, bmc, credential, consoleFile, folder, serial, pid: server.pid };
}

/** Whatever was on before, all servers begin off: the rack boots them a few at a time. */
function startingOff(
	factory: HostFactory,
	isPowered: () => boolean,
	onHost: (host: Host) => void,
): HostFactory {
	return async context => {
		const { power, ...rest } = await factory({ ...context, initial: 'Off' });
		const host: Host = {
			...rest,
			power: {
				...power,
				reset(type) {
					if (isPowered() || type === 'ForceOff') power.reset(type);
				},
			},
		};
		onHost(host);
		return host;
	};
}
