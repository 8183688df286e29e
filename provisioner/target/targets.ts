import type { Backing } from '../storage/storage.ts';

/** A target's secret: RFC 7143 section 12.1.3 (CHAP) asks for 96 bits at least. */
export interface Chap {
	readonly username: string;
	readonly password: string;
}

/** One target with all that is known about who may have it. */
export interface TargetSpec {
	/** iSCSI qualified name, RFC 7143 section 4.2.7. */
	readonly iqn: string;
	/** Served as LUN 1, 2 and so on. */
	readonly units: readonly {
		readonly backing: Backing;
		readonly isReadOnly: boolean;
		/** A UUID by which an initiator knows that two portals lead to the same disk; tgt makes one up when absent. */
		readonly serial?: string;
	}[];
	/** What the initiator proves itself by. */
	readonly chap: Chap;
	/** What the target proves itself by to the initiator, when that asks. */
	readonly mutual?: Chap | undefined;
	/** The name of the one initiator that is let in, where no addresses are given. */
	readonly initiator: string;
	/**
	 * Addresses that it may come from. tgt lets in whoever fits an address or a name; of the two a name is the weaker, since
	 * whoever has the secret has it as well.
	 */
	readonly addresses: readonly string[];
}

export interface TargetSession {
	readonly initiator: string;
	readonly addresses: readonly string[];
}

/** iSCSI targets: nobody gets at one without its secret, or from elsewhere. */
export interface Targets {
	/** `host:port` of each portal. */
	readonly portals: readonly string[];
	/** Throws while they are not served as they should be: with the reason, for health checks. */
	check(): void;
	/** Makes a target exactly so; the same again changes nothing. Sessions go on where only what is served is another. */
	serve(spec: TargetSpec): Promise<void>;
	/** Ends its sessions and takes it away; one that is not there is. */
	drop(iqn: string): Promise<void>;
	/**
	 * Lets nodes in, from now on and after each restart: once all that they may look for is served.
	 * @throws StorageFault for a portal that is taken or not here
	 */
	admit(): Promise<void>;
	/**
	 * Ends every session at this moment, and lets nobody in until `resume`: nodes then wait for their disks, where a disk that
	 * fails is the end of their file system.
	 */
	halt(): void;
	resume(): void;
	/** Who is logged in. */
	sessions(iqn: string): Promise<readonly TargetSession[]>;
	close(): Promise<void>;
}
