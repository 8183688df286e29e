import { z } from 'zod';
import type { Operation, Ovsdb } from '../../../common/ovsdb/ovsdb-client.ts';
import { asSet, type Uuid, uuid } from '../../../common/ovsdb/ovsdb-values.ts';
import { parkingVlan } from '../../../common/ovsdb/port-vlans.ts';

const empty = asSet([]);
const open = ['protected', '==', false];
const trunksAll = ['trunks', '==', empty];

/**
 * Finds ports that would hear parked ones: those that are not protected and carry the parking VLAN, mostly because they
 * are trunks of all VLANs (an uplink to which nobody gave `trunks`, a bridge's own port without a tag).
 */
export const selectOpenPorts: readonly Operation[] = [
	[open, trunksAll, ['tag', '==', empty], ['vlan_mode', '!=', 'access']],
	...['trunk', 'native-tagged', 'native-untagged'].map(mode => [open, trunksAll, ['vlan_mode', '==', mode]]),
	[open, ['trunks', 'includes', parkingVlan]],
	[open, ['tag', '==', parkingVlan]],
].map(where => ({ op: 'select', table: 'Port', where, columns: ['_uuid'] }));

const found = z.array(z.object({ rows: z.array(z.object({ _uuid: uuid })) }));
const bridges = z.array(z.object({ rows: z.array(z.object({ name: z.string() })) }));

/** Whether any of those that were found is on this bridge, other than the port that is to be parked. */
export async function hasOpenPort(
	ovsdb: Ovsdb,
	results: readonly unknown[],
	{ bridge, except }: { readonly bridge: string; readonly except: Uuid },
): Promise<boolean> {
	const ports = new Map<string, Uuid>();
	for (const { rows } of found.parse(results)) for (const { _uuid } of rows) ports.set(_uuid[1], _uuid);
	ports.delete(except[1]);
	if (ports.size === 0) return false;
	const on = await ovsdb.transact(
		[...ports.values()].map(port => ({
			op: 'select',
			table: 'Bridge',
			where: [['ports', 'includes', port]],
			columns: ['name'],
		})),
	);
	return bridges.parse(on).some(({ rows }) => rows.some(({ name }) => name === bridge));
}
