import { join } from 'node:path';
import { writeFileDurably } from '../../common/store/durable-file.ts';
import { rackFolders } from '../../qemu/rack/rack-folders.ts';
import type { RackPlan } from '../../qemu/rack/rack-plan.ts';
import { startVirtualRack, type VirtualRack } from '../../qemu/rack/virtual-rack.ts';
import { secretPath } from './demo-people.ts';
import type { MachineRoom, TpmsOfRack } from './machine-room.ts';

/** A rack of virtual servers, in this process; its disks, BMCs and consoles are in `state`/rack-NAME. They begin switched off. */
export function virtualRackRoom(
	plan: RackPlan,
	state: string,
	env: Readonly<Record<string, string | undefined>>,
): MachineRoom {
	const names = plan.nodes.map(({ name }) => name);
	let rack: VirtualRack | undefined;
	const nodeOf = (name: string) => rack?.nodes.find(node => node.name === name);
	return {
		names,
		what: 'broker, rack of virtual servers and PDU',
		access: name => ({
			ca: rack?.caFile,
			username: nodeOf(name)?.credential.username,
			password: `secrets/bmc-${name}`,
		}),
		// A server in QEMU can take all of the processor that its BMC is on.
		limits: { bmcTimeout: '60s' },
		async start({ site, events, clock, logger }) {
			const folders = rackFolders(plan.name, { state: join(state, `rack-${plan.name}`), cwd: state, env });
			const own = logger.child({ part: 'rack' });
			const started = await startVirtualRack({ plan, folders, events, clock, logger: own as never });
			rack = started;
			for (const { name, credential } of started.nodes)
				await writeFileDurably(secretPath(site.folder, `bmc-${name}`), `${credential.password}\n`, 0o600);
			const { network } = started;
			const withTpms = plan.nodes.filter(({ hasTpm }) => hasTpm).map(({ name }) => name);
			return {
				bmcs: started.nodes.map(({ name, bmc }) => ({ name, url: bmc.url })),
				pdu: started.pdu,
				...(network && {
					rackSwitch: { network: network.network, database: network.database, portOf: name => `${name}.0` },
				}),
				...(withTpms.length > 0 && { tpms: tpmsOf(folders.stateFolder, withTpms) }),
				close: () => started.close(),
			};
		},
	};
}

/** Where swtpm_localca(8) and swtpm_setup(8) leave what they have signed. */
const tpmsOf = (folder: string, names: readonly string[]): TpmsOfRack => ({
	roots: [join(folder, 'tpm-authority', 'swtpm-localca-rootca-cert.pem')],
	intermediates: [join(folder, 'tpm-authority', 'issuercert.pem')],
	certificates: Object.fromEntries(
		names.map(name => [name, join(folder, 'nodes', name, 'tpm', 'ek-rsa2048.crt')]),
	),
});
