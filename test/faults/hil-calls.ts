import { createServer } from 'node:http';
import type { ExecutionContext } from 'ava';
import { listen } from '../../common/http/listen.ts';

/** A call of a service's that changes something in hil. */
export interface HilCall {
	/** Has it come to hil, and resolves when hil has answered; the service hears nothing of that before `hold` has resolved. */
	deliver(): Promise<void>;
}

/** A service's own way to hil, on which its calls can be held up. */
export interface WayToHil {
	readonly url: string;
	/** Changes that were asked for so far. */
	readonly changes: readonly string[];
	/** Called with each before it goes on. False: it never does. */
	hold: ((call: HilCall) => Promise<boolean>) | undefined;
}

/** Reads, and trials of changes, change nothing. */
const isChange = (method: string, body: string): boolean =>
	method !== 'GET' && !/"dry_?run":\s*true/i.test(body);

export async function openWayToHil(t: ExecutionContext, hil: string): Promise<WayToHil> {
	const changes: string[] = [];
	const way: WayToHil = { url: '', changes, hold: undefined };
	const server = createServer(async (request, response) => {
		const { method = 'GET', url = '/', headers } = request;
		let body = '';
		for await (const chunk of request.setEncoding('utf8')) body += chunk;
		const ask = async () => {
			const answer = await fetch(`${hil}${url}`, {
				method,
				headers: { authorization: headers.authorization ?? '', 'content-type': 'application/json' },
				signal: AbortSignal.timeout(60_000),
				...(body !== '' && { body }),
			});
			return { status: answer.status, text: await answer.text() };
		};
		let answered: ReturnType<typeof ask> | undefined;
		if (isChange(method, `${url} ${body}`)) {
			changes.push(`${method} ${url} ${body}`);
			const deliver = async (): Promise<void> => {
				answered ??= ask();
				await answered;
			};
			if ((await way.hold?.({ deliver })) === false) {
				request.destroy();
				return;
			}
		}
		const { status, text } = await (answered ?? ask());
		response.writeHead(status, { 'content-type': 'application/json' }).end(text);
	});
	const { port, close } = await listen(server, { host: '127.0.0.1', port: 0 });
	t.teardown(() => close(0));
	return Object.assign(way, { url: `http://127.0.0.1:${port}` });
}
