import type { PortState } from '../../core/actions.ts';
import { parseVlanRanges } from '../vlan-ranges.ts';

/** A port of a VDX as its configuration has it. */
export interface NosPort {
	isShut: boolean;
	/** Number of the port-channel that it is a part of. */
	channel: number | null;
	switchport: NosSwitchport | null;
}

export interface NosSwitchport {
	mode: string;
	access: number;
	/** 1 when nobody has set it. */
	native: number;
	/** `switchport trunk tag native-vlan`, which is on unless it is taken off. */
	isTagged: boolean;
	allowed: Set<number>;
	/** `switchport trunk allowed vlan all`. */
	isAll: boolean;
}

/** An answer other than a success. */
export class Refusal extends Error {
	readonly status: number;
	constructor(status: number, message: string) {
		super(message);
		this.status = status;
	}
}
export function assertThat(holds: boolean, status: number, message: string): asserts holds {
	if (!holds) throw new Refusal(status, message);
}

/** Network OS Administrator's Guide 4.1.1, "VLAN configuration guidelines and restrictions", of other than VDX 8770. */
export const isVlan = (vlan: number): boolean => vlan >= 1 && vlan <= 3962 && vlan !== 1002;

export const freshSwitchport = (): NosSwitchport => ({
	mode: 'access',
	access: 1,
	native: 1,
	isTagged: true,
	allowed: new Set(),
	isAll: false,
});

const modes = ['access', 'trunk', 'trunk-no-default-native'];

/** What the switch lets be done to a port, and says when it does not. */
export function createNosModel(names: readonly string[]) {
	const ports = new Map<string, NosPort>(
		names.map(name => [name, { isShut: true, channel: null, switchport: null }]),
	);
	const vlans = new Set([1]);

	const switchportOf = (name: string): NosSwitchport => {
		const port = ports.get(name);
		assertThat(port?.channel === null, 400, '%Error: Port-channel member: operation is not allowed');
		assertThat(port.switchport !== null, 404, '%Error: Interface not configured for switchport');
		return port.switchport;
	};
	const trunkOf = (name: string): NosSwitchport => {
		const switchport = switchportOf(name);
		assertThat(switchport.mode !== 'access', 400, '%Error: Interface is not in trunk mode');
		return switchport;
	};
	const nativeOf = (name: string): NosSwitchport => {
		const switchport = trunkOf(name);
		assertThat(switchport.mode === 'trunk', 400, 'ERROR: invalid command');
		return switchport;
	};
	const vlanOf = (text: string): number => {
		const vlan = /^\d{1,4}$/.test(text) ? Number(text) : 0;
		assertThat(isVlan(vlan), 400, `%Error: VLAN ${text} is reserved or out of range`);
		return vlan;
	};

	return {
		ports,
		vlans,
		createVlan(text: string): void {
			const vlan = vlanOf(text);
			assertThat(!vlans.has(vlan), 409, 'object already exists');
			vlans.add(vlan);
		},
		createSwitchport(name: string): void {
			const port = ports.get(name);
			assertThat(port?.channel === null, 400, '%Error: Port-channel member: operation is not allowed');
			assertThat(port.switchport === null, 409, 'object already exists');
			port.switchport = freshSwitchport();
		},
		removeSwitchport(name: string): void {
			switchportOf(name);
			const port = ports.get(name);
			if (port) port.switchport = null;
		},
		setMode(name: string, mode: string): void {
			const switchport = switchportOf(name);
			assertThat(modes.includes(mode), 400, `"${mode}" is not a valid value.`);
			const isPlain = switchport.allowed.size === 0 && !switchport.isAll && switchport.native === 1;
			assertThat(
				mode === switchport.mode || isPlain,
				400,
				'%Error: VLAN configuration of the present mode must be removed first',
			);
			switchport.mode = mode;
		},
		setNative(name: string, text: string): void {
			const switchport = nativeOf(name);
			const vlan = vlanOf(text);
			assertThat(vlans.has(vlan), 400, `%Error: VLAN ${vlan} does not exist`);
			assertThat(!switchport.allowed.has(vlan), 400, `%Error: VLAN ${vlan} is an allowed VLAN of the trunk`);
			switchport.native = vlan;
		},
		resetNative(name: string): void {
			nativeOf(name).native = 1;
		},
		setTagged(name: string, isTagged: boolean): void {
			const switchport = nativeOf(name);
			assertThat(isTagged || switchport.isTagged, 404, 'uri keypath not found');
			switchport.isTagged = isTagged;
		},
		allow(name: string, verb: string, list: string): void {
			const switchport = trunkOf(name);
			if (verb === 'none' || verb === 'all') {
				switchport.allowed.clear();
				switchport.isAll = verb === 'all';
				return;
			}
			assertThat(!switchport.isAll, 400, '%Error: All VLANs are allowed');
			const given = parseVlanRanges(list);
			assertThat(given !== undefined && given.length > 0, 400, `"${list}" is not a valid value.`);
			for (const vlan of given) {
				if (verb === 'remove') {
					switchport.allowed.delete(vlan);
					continue;
				}
				assertThat(vlans.has(vlanOf(String(vlan))), 400, `%Error: VLAN ${vlan} does not exist`);
				const isNative = switchport.mode === 'trunk' && switchport.native === vlan;
				assertThat(!isNative, 400, `%Error: VLAN ${vlan} is the native VLAN`);
				switchport.allowed.add(vlan);
			}
		},
		/** "Default-native-VLAN trunk mode" and "No-default-native-VLAN trunk mode" of the same guide. */
		carries(name: string): PortState {
			const { isShut = true, switchport = null } = ports.get(name) ?? {};
			if (isShut || switchport === null) return { native: null, tagged: [] };
			const { mode, access, native, isTagged, isAll } = switchport;
			if (mode === 'access') return { native: access, tagged: [] };
			const allowed = [...vlans].filter(vlan => isAll || switchport.allowed.has(vlan));
			if (mode !== 'trunk') return { native: null, tagged: allowed.sort((a, b) => a - b) };
			const tagged = new Set(allowed.filter(vlan => vlan !== native));
			if (isTagged) tagged.add(native);
			return { native: isTagged ? null : native, tagged: [...tagged].sort((a, b) => a - b) };
		},
	};
}

export type NosModel = ReturnType<typeof createNosModel>;
