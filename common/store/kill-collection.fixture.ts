import { z } from 'zod';
import { defineCollection } from './store.ts';

/** What kill-child.fixture.ts writes: always both halves in one transaction. */
export const written = defineCollection(
	'written',
	z.strictObject({ n: z.int(), half: z.enum(['first', 'second']) }),
	{ half: document => document.half },
);
