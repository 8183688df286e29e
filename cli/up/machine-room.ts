import type { Clock } from '../../common/clock.ts';
import type { EventBus } from '../../common/events/bus.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { DemoSite } from './demo-site.ts';

/** The Open vSwitch that a rack's servers are plugged into. */
export interface SwitchOfRack {
	/** The network namespace that it is in, as nsenter(1) takes it. */
	readonly network: string;
	/** Path of its database's socket. */
	readonly database: string;
	/** The port that a server's first NIC is in. */
	portOf(server: string): string;
}

/** The TPMs of a rack's servers. */
export interface TpmsOfRack {
	/** Paths of PEM files: the root that their certificates lead to, and who is in between. */
	readonly roots: readonly string[];
	readonly intermediates: readonly string[];
	/** Paths of the certificates of their endorsement keys, by server. */
	readonly certificates: Readonly<Record<string, string>>;
}

/** What runs behind the proxy of a site that was started here. */
export interface Machines {
	readonly bmcs: readonly { readonly name: string; readonly url: string }[];
	readonly pdu: { readonly url: string };
	/** Absent: hil has one in memory. */
	readonly rackSwitch?: SwitchOfRack;
	/** Absent where no server has one. */
	readonly tpms?: TpmsOfRack;
	close(): Promise<void>;
}

/** The machines that a site is started for: an emulated rack, or a board whose BMC is somebody else's. */
export interface MachineRoom {
	/** Names of the BMCs, by which the proxy and its certificate know them. */
	readonly names: readonly string[];
	/** For the progress line. */
	readonly what: string;
	/** How the proxy gets into a BMC, as the site file says it; what is missing there, `takeOver` adds. */
	readonly access: (bmc: string) => Readonly<Record<string, unknown>>;
	/** `limits` of the site file, where the usual ones do not fit. */
	readonly limits?: Readonly<Record<string, unknown>>;
	/** All or nothing. */
	start(at: {
		readonly site: DemoSite;
		/** The PDU's connection to the broker. */
		readonly events: EventBus;
		readonly clock: Clock;
		readonly logger: Logger;
	}): Promise<Machines>;
	/** Called with the path of the site file before the proxy reads it. */
	takeOver?(siteFile: string): Promise<void>;
}
