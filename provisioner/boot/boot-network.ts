import type { Chap, Targets } from '../target/targets.ts';

/** What a node is told when it boots from the network. */
export interface BootEntry {
	readonly node: string;
	/** Lower case, with colons. */
	readonly mac: string;
	/** The disk that it boots from: LUN 1 of a target, at any of its portals. */
	readonly target: {
		readonly portals: readonly string[];
		readonly iqn: string;
		readonly initiator: string;
		readonly chap: Chap;
	};
	/** By which of its other NICs it gets at the same disk, and where: `address:port` on that one's network. */
	readonly paths: readonly { readonly mac: string; readonly portal: string }[];
	/** cloud-init's NoCloud data: a host name, public SSH keys, user data. */
	readonly hostname: string;
	readonly keys: readonly string[];
	readonly userData: string | null;
}

/** What was seen of a node that boots, with the milliseconds since the epoch. */
export interface BootEvent {
	readonly mac: string;
	readonly kind: 'dhcp' | 'script' | 'config';
	readonly at: number;
}

/** One provisioning network: DHCP, boot scripts and configuration, and the iSCSI portals, all on the nodes' VLAN. */
export interface BootNetwork {
	/** hil's name of it. */
	readonly network: string;
	/** PEM: what nodes know the server of their configuration by. */
	readonly authority: string;
	readonly targets: Targets;
	/** The address that a NIC always gets here, and no other one while it boots. */
	addressOf(mac: string): Promise<string>;
	/** Makes it boot so; the same again changes nothing. */
	set(entry: BootEntry): Promise<void>;
	/** From now on it is not known here; one that is not is. */
	remove(mac: string): Promise<void>;
	/** The returned function ends it. */
	onEvent(listener: (event: BootEvent) => void): () => void;
	/** When that was seen last of a NIC that boots here, in milliseconds since the epoch; undefined: not since its `set`. */
	lastSeen(mac: string, kind: BootEvent['kind']): number | undefined;
	/** Throws while nodes are not answered, beside what `targets` has to say: with the reason, for health checks. */
	check(): void;
	close(): Promise<void>;
}
