import { resolve } from 'node:path';
import { z } from 'zod';
import type { StoreOptions } from './open-store.ts';
import { postgresSchema } from './postgres-options.ts';

/** `store` of a site file: `{ file }` on this machine, for one process; or `{ postgres }`, for several on any machines. */
export const storeSite = (folder: string): z.ZodType<StoreOptions> =>
	z
		.strictObject({
			engine: z.enum(['sqlite', 'lowdb']).optional(),
			file: z
				.string()
				.transform(text => resolve(folder, text))
				.optional(),
			postgres: postgresSchema(folder).optional(),
		})
		.transform(({ engine, file, postgres }, context): StoreOptions => {
			if (postgres && file === undefined && engine === undefined) return { engine: 'postgres', ...postgres };
			if (!postgres && file !== undefined) return { engine: engine ?? 'sqlite', file };
			context.addIssue({ code: 'custom', message: 'expected either `file`, or `postgres` alone' });
			return z.NEVER;
		});
