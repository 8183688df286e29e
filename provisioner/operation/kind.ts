import type { Transaction } from '../../common/store/store.ts';
import type { OpenOperation } from '../model/operation.ts';

/** What a stage works with. */
export interface StageContext {
	readonly id: string;
	/** As it stood when the stage began. */
	readonly operation: OpenOperation;
	/** Aborted when the operation is cancelled or the service ends: the stage is then to end soon. */
	readonly signal: AbortSignal;
	/** How far it is, in the stage's own unit (bytes mostly); recorded once a second at most. */
	progress(done: number, total: number | null): Promise<void>;
	/** Tells those who look what it waits for; null: it goes on. */
	note(what: string | null): Promise<void>;
	/** Keeps values for later stages and for undoing. */
	keep(output: OpenOperation['output']): Promise<void>;
	/** Records something with the stage's end, in one commit: each is a wait for the disk. Not if the stage fails. */
	atEnd(record: (tx: Transaction) => Promise<void>): void;
}

/**
 * One step of slow work. Both ways can be taken again after having been taken in part or in whole, and end up the
 * same. What `run` throws with a status below 500 ends the operation; anything else is tried again.
 */
export interface Stage {
	readonly name: string;
	run(context: StageContext): Promise<void>;
	undo?(context: StageContext): Promise<void>;
}

/** A kind of operation: its stages in order; undone from the last that was begun. */
export interface Kind {
	readonly stages: readonly Stage[];
	/** What cannot be done now is tried again for as long as it takes, and only a person ends it. */
	readonly neverGivesUp?: boolean;
}
