import type { Actor } from '../authorize/actor.ts';
import type { SwitchKind } from '../model/switch-kind.ts';

/** What a verb needs to know besides the store: nothing of it waits or fails. */
export interface World {
	readonly actor: Actor;
	/** Milliseconds since the epoch. */
	readonly now: number;
	/** A random UUID. */
	newId(): string;
	readonly switchKinds: ReadonlyMap<string, SwitchKind>;
	/** Makes a secret readable to the workers of switches only. */
	seal(text: string): string;
	/** Images that headnodes can be made from. */
	readonly images: readonly string[];
	/** Where nodes go instead of becoming free, when there is such a pool. */
	readonly maintenance: string | undefined;
	/** Whether a node that its project detaches is released: switched off and cleared before it is free. */
	readonly detachReleases?: boolean | undefined;
	/** Whether a node that leaves a project is marked until somebody has seen that it was cleared of it. */
	readonly marksUncleaned?: boolean | undefined;
	/** Where management controllers are reached: one of these begins each node's address. */
	readonly obmUrls: readonly string[];
	/** Whether members of a project are told which switch and port their nodes are plugged into. */
	readonly showsPortsToProjects?: boolean | undefined;
}
