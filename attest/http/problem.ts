import { z } from 'zod';

/** RFC 9457, as every refusal is answered. */
export const problem = z.looseObject({ code: z.string(), detail: z.string(), status: z.int() });
