import { addBridge } from '../../common/ovsdb/bridges.ts';
import type { Operation } from '../../common/ovsdb/ovsdb-client.ts';

/** Switches by MAC address and VLAN. Every port in it has a tag or a list of them. */
export const connected = 'ovs-connected';
/**
 * Where ports without a VLAN are: `fail_mode` secure without a controller has no flows and drops everything. A port
 * without a tag in the other bridge would be a trunk of all VLANs.
 */
export const isolated = 'ovs-isolated';

/** Makes both bridges. */
export const makeBridges = (): Operation[] => [
	...addBridge(connected, { failMode: 'standalone', datapathType: 'netdev' }),
	...addBridge(isolated, { failMode: 'secure', datapathType: 'netdev' }),
];
