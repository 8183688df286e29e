import { BimetalError } from '../errors/bimetal-error.ts';
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
	const rest = { trunks: asSet(trunks), protected: false };
	if (trunks.length === 0)
		return untagged === null ? undefined : { ...rest, tag: untagged, vlan_mode: 'access' };
	return untagged === null
		? { ...rest, tag: asSet([]), vlan_mode: 'trunk' }
		: { ...rest, tag: untagged, vlan_mode: 'native-untagged' };
}

/** A VLAN that nobody can use: IEEE 802.1Q reserves the number. */
export const parkingVlan = 4095;

/**
 * The columns of a port that carries nothing. It takes nothing but frames with the parking VLAN's tag, and is `protected`:
 * such ports do not hear each other. What is left is what a port carries that is not protected and on the same bridge.
 */
export const parkedColumns = {
	tag: asSet([]),
	vlan_mode: 'trunk',
	trunks: asSet([parkingVlan]),
	protected: true,
};

export const isParked = (row: PortColumns & { readonly protected: boolean }): boolean =>
	row.protected && row.vlan_mode === 'trunk' && row.trunks.length === 1 && row.trunks[0] === parkingVlan;

/** The columns of a port by which it carries what it carries. */
export interface PortColumns {
	readonly tag: number | undefined;
	readonly trunks: readonly number[];
	/** Undefined: `access` where there is a tag, else `trunk`. */
	readonly vlan_mode: string | undefined;
}

/**
 * What a port with these columns carries on a bridge that switches by VLAN, whoever set them. Some of that
 * `columnsOf` never makes: VLAN 0 (frames without a tag in no VLAN), all VLANs, or an untagged one that leaves with its
 * tag and so stands in both (vswitchd.conf.db(5), VLAN Configuration).
 */
export function vlansOf({ tag, trunks, vlan_mode }: PortColumns): PortVlans {
	const mode = vlan_mode ?? (tag === undefined ? 'trunk' : 'access');
	const inTrunk = trunks.length === 0 ? everyVlan : [...new Set(trunks)].sort((a, b) => a - b);
	const tagged = inTrunk.filter(vlan => vlan !== 0);
	const untagged = tag ?? 0;
	switch (mode) {
		case 'access':
			return { untagged, tagged: [] };
		case 'native-untagged':
			return { untagged, tagged: tagged.filter(vlan => vlan !== untagged) };
		case 'native-tagged':
			return { untagged, tagged: [...new Set([...tagged, untagged])].sort((a, b) => a - b) };
		case 'dot1q-tunnel':
			return { untagged, tagged: everyVlan.slice(1) };
		default:
			// The switch takes a mode that it does not know for a trunk.
			return { untagged: inTrunk.includes(0) ? 0 : null, tagged };
	}
}

/** As far as a tag goes; 0 stands for frames without one. */
const everyVlan: readonly number[] = Array.from({ length: 4096 }, (_, vlan) => vlan);
