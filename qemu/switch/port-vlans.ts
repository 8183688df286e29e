import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { asSet } from './ovsdb-values.ts';

/** What a port carries: VLANs from 1 to 4094. Nothing at all is `{ untagged: null, tagged: [] }`. */
export interface PortVlans {
	/** Frames without a tag belong to it: what a machine that knows nothing of VLANs is in. Also called native. */
	readonly untagged: number | null;
	/** Frames with a tag of these pass as they are. */
	readonly tagged: readonly number[];
}

export const nothing: PortVlans = Object.freeze({ untagged: null, tagged: [] });

/**
 * The columns of a port that carries these VLANs; undefined: none. A trunk whose `trunks` were empty would carry all of
 * them (vswitchd.conf.db(5), VLAN Configuration), so that there is none without. Throws VlanWrong.
 */
export function columnsOf({ untagged, tagged }: PortVlans): object | undefined {
	for (const vlan of untagged === null ? tagged : [untagged, ...tagged]) {
		if (!(Number.isInteger(vlan) && vlan >= 1 && vlan <= 4094))
			throw new BimetalError('VlanWrong', `${vlan} is no VLAN: 1 to 4094 (IEEE 802.1Q)`, { status: 400 });
	}
	const trunks = [...new Set(tagged)];
	if (untagged !== null && trunks.includes(untagged))
		throw new BimetalError('VlanWrong', `VLAN ${untagged} is with a tag or without one, not both`, {
			status: 400,
		});
	if (trunks.length === 0)
		return untagged === null ? undefined : { ...noColumns, tag: untagged, vlan_mode: 'access' };
	return untagged === null
		? { tag: asSet([]), vlan_mode: 'trunk', trunks: asSet(trunks) }
		: { tag: untagged, vlan_mode: 'native-untagged', trunks: asSet(trunks) };
}

/** Of a port that carries nothing. */
export const noColumns = { tag: asSet([]), vlan_mode: asSet([]), trunks: asSet([]) };
