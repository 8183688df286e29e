import type { Operation } from './ovsdb-client.ts';
import { asSet, type Uuid } from './ovsdb-values.ts';

/** Switches by MAC address and VLAN (`fail_mode` standalone: vswitchd.conf.db(5)). Every port in it has a tag or a list of them. */
export const connected = 'ovs-connected';
/**
 * Where ports without a VLAN are: `fail_mode` secure without a controller has no flows and drops everything. A port
 * without a tag in the other bridge would be a trunk of all VLANs.
 */
export const isolated = 'ovs-isolated';

/** Makes both bridges. */
export const makeBridges = (): Operation[] => [
	...bridge(connected, 'standalone'),
	...bridge(isolated, 'secure'),
	{
		op: 'update',
		table: 'Open_vSwitch',
		where: [],
		row: {
			bridges: asSet([
				['named-uuid', plain(connected)],
				['named-uuid', plain(isolated)],
			]),
		},
	},
];

/** Puts a port on a bridge, or takes it off. */
export function move(
	bridge: string,
	how: 'insert' | 'delete',
	port: Uuid | readonly ['named-uuid', string],
): Operation {
	return {
		op: 'mutate',
		table: 'Bridge',
		where: [['name', '==', bridge]],
		mutations: [['ports', how, asSet([port])]],
	};
}

/** A bridge with its own internal port, as ovs-vsctl makes one. */
function bridge(name: string, failMode: 'standalone' | 'secure'): Operation[] {
	const [port, device] = [`${plain(name)}_port`, `${plain(name)}_device`];
	return [
		{ op: 'insert', table: 'Interface', 'uuid-name': device, row: { name, type: 'internal' } },
		{
			op: 'insert',
			table: 'Port',
			'uuid-name': port,
			// The machine's side of the bridge is in no VLAN that anybody uses, and not switched on.
			row: { name, interfaces: ['named-uuid', device], tag: 4095, vlan_mode: 'access' },
		},
		{
			op: 'insert',
			table: 'Bridge',
			'uuid-name': plain(name),
			row: { name, datapath_type: 'netdev', fail_mode: failMode, ports: ['named-uuid', port] },
		},
	];
}

/** Names within a transaction have no hyphens (RFC 7047 section 3.1, <id>). */
const plain = (name: string): string => name.replaceAll('-', '_');
