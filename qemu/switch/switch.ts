import { z } from 'zod';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { movePort } from '../../common/ovsdb/bridges.ts';
import type { Operation } from '../../common/ovsdb/ovsdb-client.ts';
import { asMap, optional, setOf, texts, uuid } from '../../common/ovsdb/ovsdb-values.ts';
import {
	columnsOf,
	isParked,
	nothing,
	type PortVlans,
	parkedColumns,
	vlansOf,
} from '../../common/ovsdb/port-vlans.ts';
import { connected, isolated, makeBridges } from './bridges.ts';
import { type OpenVswitch, startOpenVswitch } from './open-vswitch.ts';
import { checkSwitchRequirements } from './requirements.ts';
import { addTap, removeTap, tapName } from './taps.ts';

/** A port as the switch has it. */
export interface SwitchPort {
	readonly name: string;
	/** The tap device in the switch's network namespace, for `-netdev tap,ifname=…,script=no,downscript=no,vnet_hdr=off`. */
	readonly tap: string;
	readonly vlans: PortVlans;
	/** Whether something is plugged in: a running machine has the tap open. */
	readonly isLinked: boolean;
	/** What the switch cannot do with it, in its own words. */
	readonly fault: string | undefined;
}

/**
 * A switch whose ports are taps. A port carries exactly the VLANs that it was given, and at first none: then nothing
 * passes, in no direction and to no other port, whatever tags a machine puts on its frames.
 */
export interface Switch {
	/** The network namespace with its devices, as nsenter(1) and ip(8) take it. */
	readonly network: string;
	/** Path of the socket of its database (OVSDB, RFC 7047), for who manages it by another way; see docs/emulated-hardware.md. */
	readonly database: string;
	/** Makes a port with its tap, without a VLAN. Throws PortExists, PortNameWrong. */
	createPort(name: string): Promise<SwitchPort>;
	/** Throws PortUnknown. */
	removePort(name: string): Promise<void>;
	/** Resolves when the switch does it; the same again changes nothing. Throws PortUnknown, VlanWrong. */
	setVlans(name: string, vlans: PortVlans): Promise<void>;
	/** In the order of their names. */
	ports(): Promise<readonly SwitchPort[]>;
	/** Resolves when the switch has broken down, with the reason: nothing passes from then on. */
	readonly failed: Promise<string>;
	close(): Promise<void>;
}

/** The port's name, on rows of ours: the device's own may be another. */
const nameKey = 'bimetal-port';

const portRow = z.object({
	_uuid: uuid,
	name: z.string(),
	tag: optional(z.int()),
	trunks: setOf(z.int()),
	vlan_mode: optional(z.string()),
	protected: z.boolean(),
	interfaces: setOf(uuid),
	external_ids: texts,
});
type PortRow = z.infer<typeof portRow>;
const interfaceRow = z.object({
	_uuid: uuid,
	link_state: optional(z.string()),
	error: optional(z.string()),
});
const bridgeRow = z.object({ name: z.string(), ports: setOf(uuid) });
const rowsOf = <T>(row: z.ZodType<T>) => z.object({ rows: z.array(row) });
const counted = z.object({ rows: z.tuple([z.object({ next_cfg: z.int() })]) });

/**
 * Starts a switch in a folder of its own, which must not be another one's and is not removed. Throws SwitchUnavailable
 * (what is missing here), SwitchFailed.
 */
export async function startSwitch(options: {
	/** As in children.ts. */
	readonly run: string;
	readonly folder: string;
}): Promise<Switch> {
	await checkSwitchRequirements();
	const vswitch = await startOpenVswitch(options);
	try {
		await change(vswitch, makeBridges());
	} catch (fault) {
		await vswitch.close();
		throw fault;
	}
	return switchOf(vswitch);
}

function switchOf(vswitch: OpenVswitch): Switch {
	const { ovsdb, namespace } = vswitch;

	const read = async () => {
		const results = await ovsdb.transact([
			{ op: 'select', table: 'Port', where: [], columns: Object.keys(portRow.shape) },
			{ op: 'select', table: 'Interface', where: [], columns: Object.keys(interfaceRow.shape) },
			{ op: 'select', table: 'Bridge', where: [], columns: Object.keys(bridgeRow.shape) },
		]);
		const bridges = rowsOf(bridgeRow).parse(results[2]).rows;
		const passing = bridges.find(({ name }) => name === connected)?.ports ?? [];
		return {
			rows: rowsOf(portRow)
				.parse(results[0])
				.rows.filter(row => row.external_ids.has(nameKey)),
			interfaces: new Map(
				rowsOf(interfaceRow)
					.parse(results[1])
					.rows.map(row => [row._uuid[1], row]),
			),
			passing: new Set(passing.map(([, id]) => id)),
		};
	};
	const ports = async (): Promise<SwitchPort[]> => {
		const { rows, interfaces, passing } = await read();
		return rows
			.map(row => {
				const device = interfaces.get(row.interfaces[0]?.[1] ?? '');
				return {
					name: row.external_ids.get(nameKey) ?? '',
					tap: row.name,
					vlans: passing.has(row._uuid[1]) && !isParked(row) ? vlansOf(row) : nothing,
					isLinked: device?.link_state === 'up',
					fault: device?.error,
				};
			})
			.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
	};
	const find = async (name: string): Promise<PortRow> => {
		const found = (await read()).rows.find(row => row.external_ids.get(nameKey) === name);
		if (!found) throw new BimetalError('PortUnknown', `the switch has no port ${name}`, { status: 404 });
		return found;
	};

	return {
		network: namespace.path,
		database: vswitch.database,
		failed: vswitch.failed,
		ports,
		async createPort(name) {
			if (!/^[\w.-]{1,64}$/.test(name))
				throw new BimetalError('PortNameWrong', `${name} cannot name a port: letters, digits, . _ -`, {
					status: 400,
				});
			const tap = tapName(name);
			if ((await read()).rows.some(row => row.name === tap))
				throw new BimetalError('PortExists', `the switch has a port ${name} already`, { status: 409 });
			await addTap(namespace, tap);
			const external_ids = asMap({ [nameKey]: name });
			try {
				await change(vswitch, [
					// Two who make the same port at once: one of them gets it.
					{
						op: 'wait',
						table: 'Port',
						where: [['name', '==', tap]],
						columns: ['name'],
						until: '==',
						rows: [],
						timeout: 0,
					},
					{ op: 'insert', table: 'Interface', 'uuid-name': 'interface', row: { name: tap } },
					{
						op: 'insert',
						table: 'Port',
						'uuid-name': 'port',
						row: { name: tap, interfaces: ['named-uuid', 'interface'], external_ids, ...parkedColumns },
					},
					movePort(isolated, 'insert', ['named-uuid', 'port']),
				]);
			} catch (fault) {
				await removeTap(namespace, tap).catch(() => undefined);
				throw fault;
			}
			return { name, tap, vlans: nothing, isLinked: false, fault: undefined };
		},
		async removePort(name) {
			const { _uuid, name: tap } = await find(name);
			// Rows that no bridge refers to are gone by themselves (RFC 7047 section 3.2, isRoot).
			await change(vswitch, [movePort(connected, 'delete', _uuid), movePort(isolated, 'delete', _uuid)]);
			await removeTap(namespace, tap);
		},
		async setVlans(name, vlans) {
			const row = columnsOf(vlans);
			const { _uuid } = await find(name);
			const [from, to] = row === undefined ? [connected, isolated] : [isolated, connected];
			await change(vswitch, [
				// It may have been removed since: then nothing of this happens.
				{
					op: 'wait',
					table: 'Port',
					where: [['_uuid', '==', _uuid]],
					columns: ['_uuid'],
					until: '==',
					rows: [{ _uuid }],
					timeout: 0,
				},
				{ op: 'update', table: 'Port', where: [['_uuid', '==', _uuid]], row: row ?? parkedColumns },
				movePort(from, 'delete', _uuid),
				movePort(to, 'insert', _uuid),
			]);
		},
		close: vswitch.close,
	};
}

/** One transaction, and the wait until the switch has carried it out (vswitchd.conf.db(5), next_cfg and cur_cfg). */
async function change({ ovsdb, forgetFrames }: OpenVswitch, operations: readonly Operation[]): Promise<void> {
	const results = await ovsdb.transact([
		...operations,
		{ op: 'mutate', table: 'Open_vSwitch', where: [], mutations: [['next_cfg', '+=', 1]] },
		{ op: 'select', table: 'Open_vSwitch', where: [], columns: ['next_cfg'] },
	]);
	await ovsdb.takenOver(counted.parse(results.at(-1)).rows[0].next_cfg);
	await forgetFrames();
}
