import type { z } from 'zod';
import { httpErrors } from './errors.ts';

/**
 * `value` as `schema` has it: the check at the trust boundary. `what` names it in the message (`body`, `query`).
 * @throws BimetalError InvalidRequest (400) that lists every misfit with its path.
 */
export function parse<T>(schema: z.ZodType<T>, value: unknown, what = 'body'): T {
	const result = schema.safeParse(value);
	if (result.success) return result.data;
	const issues = result.error.issues.map(issue => {
		const path = [what, ...issue.path.map(String)].join('.');
		return `${path}: ${issue.message}`;
	});
	throw httpErrors.InvalidRequest(issues.join('; '), { cause: result.error });
}
