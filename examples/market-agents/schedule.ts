// What a project's own programs say in files: its scheduler which jobs there are, its cloud how many servers are needed.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Job, JobQueue } from '../../market/agents/agent.ts';

const jobs = z.array(
	z.strictObject({
		id: z.string(),
		servers: z.int().min(1),
		length: z.int().min(1),
		earliest: z.int(),
		latest: z.int(),
	}),
);
const count = z.coerce.number().int().min(0);

/** Jobs from a file with an array of them, in JSON; `say` is told when one begins or is given up. */
export function queueOf(file: string, say: (line: string) => void): JobQueue {
	const done = new Set<string>();
	const end = (what: string) => (of: Job) => {
		done.add(of.id);
		say(`${what} ${of.id}`);
	};
	return {
		waiting: () => readAs(jobs, file, text => JSON.parse(text)).filter(({ id }) => !done.has(id)),
		begin: end('begin'),
		giveUp: end('give up'),
	};
}

/** A number from a file. */
export const demandOf = (file: string) => (): number => readAs(count, file, text => text.trim());

/** @throws Error that names the file */
function readAs<T>(schema: z.ZodType<T>, file: string, parse: (text: string) => unknown): T {
	try {
		return schema.parse(parse(readFileSync(file, 'utf8')));
	} catch (cause) {
		const why = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause);
		throw new Error(`${file} cannot be used: ${why}`, { cause });
	}
}
