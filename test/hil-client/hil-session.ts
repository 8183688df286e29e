import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE' | 'PATCH';

export interface CallOptions {
	readonly body?: object;
	readonly params?: Readonly<Record<string, string>>;
	/** Each part percent-encoded, as HIL's commands for headnodes have it. */
	readonly quoted?: boolean;
	/** Of an answer that is a stream: so many bytes are read, then the client goes. */
	readonly bytes?: number;
}

const answer = z.strictObject({ status: z.int(), json: z.json(), text: z.string() });
export type HilAnswer = z.output<typeof answer>;

/** A user of HIL's own client library, which is Python and stays so: `parts` are what it joins to a path. */
export interface HilSession {
	call(method: Method, parts: readonly string[], options?: CallOptions): Promise<HilAnswer>;
	/** Ends the program. */
	close(): Promise<void>;
}

/** Starts it; `endpoint` is what HIL's users have in HIL_ENDPOINT. */
export function openHilSession(order: {
	readonly endpoint: string;
	readonly username: string;
	readonly password: string;
}): HilSession {
	const program = fileURLToPath(new URL('speak.py', import.meta.url));
	const child = spawn('/usr/bin/python3', [program], { stdio: ['pipe', 'pipe', 'pipe'] });
	let complaints = '';
	child.stderr.on('data', piece => {
		complaints += String(piece);
	});
	// Whoever waits for a line learns from it that there will be none.
	child.stdin.on('error', () => undefined);
	const ended = once(child, 'close');
	const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
	child.stdin.write(`${JSON.stringify(order)}\n`);
	return {
		async call(method, parts, { body = null, params = null, quoted = false, bytes = null } = {}) {
			child.stdin.write(`${JSON.stringify({ method, parts, body, params, quoted, bytes })}\n`);
			const { value, done } = await lines.next();
			if (done) throw new Error(`${method} ${parts.join('/')}: the client ended: ${complaints}`);
			return answer.parse(JSON.parse(value));
		},
		async close() {
			child.stdin.end();
			await ended;
		},
	};
}
