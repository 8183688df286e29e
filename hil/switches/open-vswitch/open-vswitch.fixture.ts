import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addBridge, movePort } from '../../../common/ovsdb/bridges.ts';
import type { Operation, Ovsdb } from '../../../common/ovsdb/ovsdb-client.ts';
import { parkedColumns } from '../../../common/ovsdb/port-vlans.ts';
import { findChildren } from '../../../common/processes/children.ts';
import { type OpenVswitch, startOpenVswitch } from '../../../qemu/switch/open-vswitch.ts';

/** A real Open vSwitch with bridge `br0`, as somebody would have made it with ovs-vsctl. */
export interface TestVswitch {
	/** What hil is told of it. */
	readonly settings: Readonly<Record<string, string>>;
	readonly folder: string;
	/** Its daemons as they are now: others after a restart. */
	daemons(): OpenVswitch;
	/** The number of a daemon's process. */
	pidOf(program: 'ovsdb-server' | 'ovs-vswitchd'): Promise<number>;
	/** One transaction of somebody else, waited for. */
	change(...operations: readonly Operation[]): Promise<void>;
	/** Ports on a bridge, which ovs-vswitchd makes the devices of; on `br0-off` such that carry nothing. */
	addPorts(bridge: string, ...names: readonly string[]): Promise<void>;
	/** Ends both daemons and starts them with what they have on disk. */
	restart(): Promise<void>;
	close(): Promise<void>;
}

/** `p1` and `p2` are on the bridge of ports that carry nothing, `br0-off`. */
export async function startTestVswitch(): Promise<TestVswitch> {
	const folder = await mkdtemp(join(tmpdir(), 'bimetal-ovs-'));
	const run = `test-ovs-${randomBytes(4).toString('hex')}`;
	let daemons = await startOpenVswitch({ run, folder });
	const vswitch: TestVswitch = {
		settings: {
			hostname: 'br0',
			database: `unix:${join(folder, 'db.sock')}`,
			control: join(folder, 'vswitchd.ctl'),
		},
		folder,
		daemons: () => daemons,
		async pidOf(program) {
			const found = (await findChildren(run)).find(({ command }) => command.split(' ')[0]?.endsWith(program));
			if (!found) throw new Error(`no ${program} is running`);
			return found.pid;
		},
		async change(...operations) {
			const { ovsdb } = daemons;
			const results = await ovsdb.transact([
				...operations,
				{ op: 'mutate', table: 'Open_vSwitch', where: [], mutations: [['next_cfg', '+=', 1]] },
				{ op: 'select', table: 'Open_vSwitch', where: [], columns: ['next_cfg'] },
			]);
			const { rows } = results.at(-1) as { rows: [{ next_cfg: number }] };
			await ovsdb.takenOver(rows[0].next_cfg);
		},
		addPorts: (bridge, ...names) =>
			vswitch.change(
				...names.flatMap((name): Operation[] => [
					{ op: 'insert', table: 'Interface', 'uuid-name': `d${name}`, row: { name, type: 'internal' } },
					{
						op: 'insert',
						table: 'Port',
						'uuid-name': `p${name}`,
						row: {
							name,
							interfaces: ['named-uuid', `d${name}`],
							...(bridge === 'br0-off' ? parkedColumns : {}),
						},
					},
					movePort(bridge, 'insert', ['named-uuid', `p${name}`]),
				]),
			),
		async restart() {
			await daemons.close();
			daemons = await startOpenVswitch({ run, folder, keepsDatabase: true });
		},
		async close() {
			await daemons.close();
			await rm(folder, { recursive: true, force: true });
			const left = await findChildren(run);
			if (left.length > 0) throw new Error(`left behind: ${left.map(({ command }) => command).join('; ')}`);
		},
	};
	try {
		await vswitch.change(
			...addBridge('br0', { failMode: 'standalone', datapathType: 'netdev' }),
			...addBridge('br0-off', { failMode: 'secure', datapathType: 'netdev' }),
		);
		await vswitch.addPorts('br0-off', 'p1', 'p2');
		return vswitch;
	} catch (fault) {
		await vswitch.close();
		throw fault;
	}
}

/** The port on which a database listens for managers, once it does. */
export async function listeningPort(ovsdb: Ovsdb): Promise<number> {
	for (;;) {
		const [found] = await ovsdb.transact([
			{ op: 'select', table: 'Manager', where: [], columns: ['status'] },
		]);
		const { rows } = found as { rows: [{ status: ['map', [string, string][]] }] };
		const port = new Map(rows[0].status[1]).get('bound_port');
		if (port !== undefined) return Number(port);
		await new Promise(resolve => setTimeout(resolve, 20));
	}
}
