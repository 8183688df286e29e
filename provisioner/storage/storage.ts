import type { Readable } from 'node:stream';

/** Whatever holds bytes: an image, never written once it is made, or a disk, a copy-on-write clone of one. A fresh UUID. */
export type VolumeId = string;

export type VolumeSource =
	/** Taken in as a whole. A qcow2 file that refers to other files is refused. */
	| { readonly from: 'file'; readonly file: string; readonly format: 'raw' | 'qcow2' }
	/** A disk: a clone that copies nothing. */
	| { readonly from: 'image'; readonly image: VolumeId }
	/** An image of what a disk holds at one moment, also while a node writes to it (crash-consistent). */
	| { readonly from: 'disk'; readonly disk: VolumeId };

/** What an iSCSI target is told to serve: tgtadm's backing store type, and the path of a file or device of this machine. */
export interface Backing {
	readonly type: 'rdwr';
	readonly path: string;
}

export interface VolumeUsage {
	/** Bytes that it takes by itself, beside what it shares with its parent. */
	readonly own: number;
	readonly parent: VolumeId | null;
	readonly isAttached: boolean;
}

/**
 * Where volumes are kept. Every call can be repeated, also after having been cut off anywhere: it ends up the same, and
 * nothing half-made is left. Faults are StorageFault, StorageAway, StorageFull; refusals InUse, ImageRefused, NotThere.
 */
export interface Storage {
	readonly engine: string;
	/** Resolves with the size that a machine sees, in bytes. The same again changes nothing. */
	create(
		id: VolumeId,
		source: VolumeSource,
		options: { readonly signal: AbortSignal; readonly onProgress?: (done: number, total: number) => void },
	): Promise<{ readonly size: number }>;
	/** Whether `create` can take in a file at all, asked before anybody sends one. @throws PartMissing, with what to install */
	canTakeIn(): Promise<void>;
	/** InUse while it is attached or something is cloned from it; what is not there is removed. */
	remove(id: VolumeId): Promise<void>;
	/** The whole of what an image holds, for export. */
	read(id: VolumeId, format: 'raw' | 'qcow2', signal: AbortSignal): Promise<Readable>;
	attach(disk: VolumeId, options: { readonly isReadOnly: boolean }): Promise<Backing>;
	detach(disk: VolumeId): Promise<void>;
	/**
	 * What an attached disk is served from has been opened anew, after a daemon had died: whoever has the old backing open
	 * must open this one. The returned function ends it.
	 */
	onReattached(listener: (disk: VolumeId, backing: Backing) => void | Promise<void>): () => void;
	/**
	 * All that is attached has gone at once, with a daemon. Until `began` returns, what is read and written waits; then it fails.
	 * `ended`: everything that can be had again has been opened anew, and told. Absent where there is no such daemon.
	 */
	onOutage?(listener: { began(): void; ended(): void }): () => void;
	/** Every volume that is there, known to anybody or not, and the bytes that are free. */
	usage(): Promise<{ readonly volumes: ReadonlyMap<VolumeId, VolumeUsage>; readonly free: number }>;
	/** Rejects while it cannot do all of this: with the reason, for health checks. */
	check(): Promise<void>;
	close(): Promise<void>;
}
