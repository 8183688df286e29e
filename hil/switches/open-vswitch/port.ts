import { z } from 'zod';
import { addBridge, movePort } from '../../../common/ovsdb/bridges.ts';
import type { Operation, Ovsdb } from '../../../common/ovsdb/ovsdb-client.ts';
import { asSet, optional, setOf, type Uuid, uuid } from '../../../common/ovsdb/ovsdb-values.ts';
import { columnsOf, isParked, parkedColumns, vlansOf } from '../../../common/ovsdb/port-vlans.ts';
import type { PortState } from '../../core/actions.ts';
import { hilErrors } from '../../errors.ts';
import { hasOpenPort, selectOpenPorts } from './open-ports.ts';
import type { OpenVswitchPlace } from './settings.ts';

type Bridges = Pick<OpenVswitchPlace, 'connected' | 'isolated'>;

const portRow = z.object({
	name: z.string(),
	interfaces: setOf(uuid),
	tag: optional(z.int()),
	trunks: setOf(z.int()),
	vlan_mode: optional(z.string()),
	protected: z.boolean(),
});
const bridgeRow = z.object({
	_uuid: uuid,
	name: z.string(),
	datapath_type: z.string(),
	fail_mode: optional(z.string()),
	controller: setOf(uuid),
	mcast_snooping_enable: z.boolean(),
});
const rowsOf = <T>(row: z.ZodType<T>) => z.object({ rows: z.array(row) }).transform(({ rows }) => rows);
const found = rowsOf(z.object({ _uuid: uuid, interfaces: setOf(uuid) }));
const answers = z.tuple([
	rowsOf(portRow),
	rowsOf(z.object({ name: z.string() })),
	rowsOf(bridgeRow),
	z.object({ rows: z.tuple([z.object({ next_cfg: z.int() })]) }),
	rowsOf(z.object({ error: optional(z.string()) })),
]);

/** A port as it was at one moment. */
export interface SeenPort {
	readonly uuid: Uuid;
	readonly row: z.output<typeof portRow>;
	/** The number of the configuration that this was read in. */
	readonly configuration: number;
	readonly state: PortState;
	/** Whether a parked port on the bridge of those that carry something would carry nothing. */
	readonly canPark: boolean;
	/** What the switch says that it cannot do with the port's device. */
	readonly fault: string | undefined;
	readonly connected: z.output<typeof bridgeRow>;
	readonly isolated: z.output<typeof bridgeRow> | undefined;
}

/** Where a port's rows are, so that reading it again takes one question. */
export type PortRows = { readonly port: Uuid; readonly device: Uuid };

/** Throws SwitchRefused when the switch has no such port. */
export async function findRows(ovsdb: Ovsdb, port: string): Promise<PortRows> {
	const [rows] = await ovsdb.transact([
		{ op: 'select', table: 'Port', where: [['name', '==', port]], columns: ['_uuid', 'interfaces'] },
	]);
	const [row] = found.parse(rows);
	const device = row?.interfaces[0];
	if (row === undefined || device === undefined)
		throw hilErrors.SwitchRefused(`the switch has no port ${port}: ovs-vsctl add-port makes one`);
	return { port: row._uuid, device };
}

/**
 * Reads a port and all that says what passes it, at one moment; undefined when these are not its rows any more. Throws
 * SwitchRefused when it is on neither of the bridges, or these are not what they are to be.
 */
export async function seePort(
	ovsdb: Ovsdb,
	port: string,
	at: PortRows,
	bridges: Bridges,
): Promise<SeenPort | undefined> {
	const where = [['_uuid', '==', at.port]];
	const results = await ovsdb.transact([
		{ op: 'select', table: 'Port', where, columns: Object.keys(portRow.shape) },
		{ op: 'select', table: 'Bridge', where: [['ports', 'includes', at.port]], columns: ['name'] },
		{ op: 'select', table: 'Bridge', where: [], columns: Object.keys(bridgeRow.shape) },
		{ op: 'select', table: 'Open_vSwitch', where: [], columns: ['next_cfg'] },
		{ op: 'select', table: 'Interface', where: [['_uuid', '==', at.device]], columns: ['error'] },
		...selectOpenPorts,
	]);
	const [ports, on, all, { rows }, devices] = answers.parse(results.slice(0, 5));
	const [row] = ports;
	if (row?.name !== port || row.interfaces[0]?.[1] !== at.device[1]) return undefined;
	const connected = all.find(({ name }) => name === bridges.connected);
	const isolated = all.find(({ name }) => name === bridges.isolated);
	if (!connected) throw hilErrors.SwitchRefused(`the switch has no bridge ${bridges.connected}`);
	if (connected.controller.length > 0 || connected.fail_mode === 'secure')
		throw hilErrors.SwitchRefused(
			`bridge ${connected.name} does not switch by VLAN, but by what its controller says: take the controller and fail_mode secure off it`,
		);
	if (isolated && (isolated.controller.length > 0 || isolated.fail_mode !== 'secure'))
		throw hilErrors.SwitchRefused(
			`bridge ${isolated.name} could pass something: give it fail_mode secure and no controller`,
		);
	const places = on.map(({ name }) => name);
	const [place] = places;
	if (places.length !== 1 || (place !== bridges.connected && place !== bridges.isolated))
		throw hilErrors.SwitchRefused(
			`port ${port} is on bridge ${places.join(' and ')}, not on ${bridges.connected} or ${bridges.isolated}`,
		);
	const canPark =
		!connected.mcast_snooping_enable &&
		!(await hasOpenPort(ovsdb, results.slice(5), { bridge: connected.name, except: at.port }));
	const isNothing = place === bridges.isolated || (isParked(row) && canPark);
	const { untagged, tagged } = vlansOf(row);
	return {
		uuid: at.port,
		row,
		configuration: rows[0].next_cfg,
		state: isNothing ? { native: null, tagged: [] } : { native: untagged, tagged },
		canPark,
		fault: devices[0]?.error,
		connected,
		isolated,
	};
}

/**
 * What makes a port carry exactly that, in one transaction that comes true only where everything is as it was seen, and
 * counts the configuration up: so it cannot come true later either, when something else has been set since.
 */
export function changeOf({ uuid, row, ...seen }: SeenPort, wanted: PortState, bridges: Bridges): Operation[] {
	const columns = columnsOf({ untagged: wanted.native, tagged: wanted.tagged });
	const [from, to] =
		columns === undefined && !seen.canPark
			? [bridges.connected, bridges.isolated]
			: [bridges.isolated, bridges.connected];
	const same = (table: string, where: unknown, shown: Readonly<Record<string, unknown>>): Operation => ({
		op: 'wait',
		table,
		where,
		columns: Object.keys(shown),
		until: '==',
		rows: [shown],
		timeout: 0,
	});
	const sameBridge = ({ _uuid, fail_mode, controller, mcast_snooping_enable }: z.output<typeof bridgeRow>) =>
		same('Bridge', [['_uuid', '==', _uuid]], {
			fail_mode: asSet(asList(fail_mode)),
			controller: asSet(controller),
			mcast_snooping_enable,
		});
	return [
		same('Open_vSwitch', [], { next_cfg: seen.configuration }),
		// Who writes by hand may not count up.
		same('Port', [['_uuid', '==', uuid]], {
			name: row.name,
			interfaces: asSet(row.interfaces),
			tag: asSet(asList(row.tag)),
			trunks: asSet(row.trunks),
			vlan_mode: asSet(asList(row.vlan_mode)),
			protected: row.protected,
		}),
		sameBridge(seen.connected),
		...(seen.isolated ? [sameBridge(seen.isolated)] : []),
		...(!seen.isolated && to === bridges.isolated
			? addBridge(to, { failMode: 'secure', datapathType: seen.connected.datapath_type })
			: []),
		{ op: 'update', table: 'Port', where: [['_uuid', '==', uuid]], row: columns ?? parkedColumns },
		movePort(from, 'delete', uuid),
		movePort(to, 'insert', uuid),
		{ op: 'mutate', table: 'Open_vSwitch', where: [], mutations: [['next_cfg', '+=', 1]] },
		// On its disk before it says yes: a switch that loses its power comes up with this.
		{ op: 'commit', durable: true },
	];
}

const asList = <T>(value: T | undefined): readonly T[] => (value === undefined ? [] : [value]);
