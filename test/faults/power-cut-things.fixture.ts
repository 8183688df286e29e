import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';

/** What power-cut-child.fixture.ts writes: of each writer its last step, and documents of so many steps before. */
export const things = defineCollection(
	'things',
	z.strictObject({ n: z.int(), text: z.string(), kind: z.enum(['last', 'step']) }),
	{ kind: ({ kind }) => kind },
);
export const [writers, steps, kept] = [4, 60, 5];
