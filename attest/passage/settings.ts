import type { Passage, Stage } from '../model/passage.ts';
import type { AirlockImage } from './airlock-image.ts';

/** How nodes come to run the airlock's system. */
export type Boot =
	/** People power them. */
	| { readonly by: 'hand' }
	/** By their own firmware, told to boot from this. */
	| { readonly by: 'device'; readonly device: 'pxe' | 'disk' | 'none' }
	| { readonly by: 'provisioner'; readonly image: AirlockImage };

/** The airlock, by hil's names. */
export interface AirlockSettings {
	readonly project: string;
	/** One that nodes share, or several, each for one node at a time: then they do not see each other. */
	readonly networks: readonly string[];
	/** The NIC that is on it; the node's first when undefined. */
	readonly nic: string | undefined;
	/** Whose nodes are out of use. */
	readonly rejected: string;
	readonly boot: Boot;
}

/** The stages that a passage has, in their order. */
function stagesOf({ attestation }: Passage, { boot }: AirlockSettings): readonly Stage[] {
	const off: Stage[] = boot.by === 'hand' ? [] : ['power-off'];
	if (attestation === 'none') return ['take', ...off, 'enter'];
	const boots = { hand: [], device: ['boot-device', 'power-on'], provisioner: ['provision'] } as const;
	return ['take', ...off, 'airlock', ...boots[boot.by], 'evidence', 'part', 'enter'];
}

/** What comes after a stage. Throws for one that the passage does not have: the site was told otherwise meanwhile. */
export function stageAfter(passage: Passage, stage: Stage, settings: AirlockSettings): Stage {
	const stages = stagesOf(passage, settings);
	const next = stages[stages.indexOf(stage) + 1];
	if (next === undefined || !stages.includes(stage)) throw new Error(`nothing comes after ${stage}`);
	return next;
}
