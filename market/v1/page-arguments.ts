import { z } from 'zod';

/** Which page of a list: `after` is the `next` of the one before. */
export const pageArguments = {
	after: z.string().min(1).max(200).optional(),
	limit: z.coerce.number().int().min(1).max(1000).optional(),
};
