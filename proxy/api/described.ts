import type { z } from 'zod';

/** One thing that the API does, for its description. */
export interface Described {
	readonly method: 'get' | 'post' | 'delete';
	readonly path: string;
	readonly summary: string;
	readonly answer: z.ZodType;
	/** Of the answer; JSON when absent. */
	readonly mediaType?: string;
	readonly body?: z.ZodType;
	readonly query?: z.ZodObject;
	/** Statuses besides 200, with what they mean here. */
	readonly errors?: Readonly<Record<number, string>>;
}
