import type { Operation } from './ovsdb-client.ts';
import { asSet, type Uuid } from './ovsdb-values.ts';
import { parkedColumns } from './port-vlans.ts';

/** How a bridge passes frames on by itself: by MAC address and VLAN, or not at all (vswitchd.conf.db(5), fail_mode). */
export type FailMode = 'standalone' | 'secure';

/** Adds a bridge with its own internal port to the switch, as ovs-vsctl makes one. */
export function addBridge(name: string, of: { failMode: FailMode; datapathType: string }): Operation[] {
	const [bridge, port, device] = ['', '_port', '_device'].map(part => `${plain(name)}${part}`);
	return [
		{ op: 'insert', table: 'Interface', 'uuid-name': device, row: { name, type: 'internal' } },
		{
			op: 'insert',
			table: 'Port',
			'uuid-name': port,
			// The machine's side of the bridge is parked, and not switched on.
			row: { name, interfaces: ['named-uuid', device], ...parkedColumns },
		},
		{
			op: 'insert',
			table: 'Bridge',
			'uuid-name': bridge,
			row: {
				name,
				datapath_type: of.datapathType,
				fail_mode: of.failMode,
				ports: ['named-uuid', port],
			},
		},
		{
			op: 'mutate',
			table: 'Open_vSwitch',
			where: [],
			mutations: [['bridges', 'insert', asSet([['named-uuid', bridge]])]],
		},
	];
}

/** Puts a port on a bridge, or takes it off. */
export function movePort(
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

/** Names within a transaction are letters, digits and underscores (RFC 7047 section 3.1, <id>). */
const plain = (name: string): string => `_${name.replace(/\W/g, '_')}`;
