import type { Figure } from '../harness/bench-case.ts';
import { imageSize } from './boot-lab.ts';
import type { Stages } from './machines.ts';

/** What a boot goes through; `root` ends when the system's own line is there, which it has written to its disk. */
export const bootStages = ['POST', 'iPXE', 'DHCP', 'script', 'disk', 'kernel', 'root'] as const;
/** What comes before that where the image is copied. */
export const copyStages = ['deploy system', 'copy', ...bootStages] as const;

export const stageFigures = (names: readonly string[]): Figure[] =>
	names.map(name => ({ name, unit: 's', better: 'lower' }));

/** Stages that there were not took no time. */
export const figuresOf = (took: Stages): Record<string, number> => ({
	...Object.fromEntries(copyStages.map(stage => [stage, took[stage] ?? 0])),
	'': Object.values(took).reduce((sum, seconds) => sum + seconds, 0),
});

/** Of the bytes that were sent for a boot. */
export const sentFigures = (bytes: number) => ({
	'over the network': bytes / 1e6,
	'of the image': (100 * bytes) / imageSize,
});
