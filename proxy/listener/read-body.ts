import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * The go-ahead for a client that waits for it before it sends a body (RFC 9110 §10.1.1): not given before the proxy
 * wants that body, so that what is refused by its head costs nobody more than the head.
 */
export function inviteBody(request: IncomingMessage, response: ServerResponse): void {
	const expects = request.headers.expect?.toLowerCase() === '100-continue';
	if (expects && request.httpVersion === '1.1') writeGoAhead(response);
}

/**
 * Writes 100 Continue once the answers to earlier requests on the same connection are written. node:http keeps back what
 * is written before, and then puts the head of the answer in front of it: the go-ahead would be part of the answer's
 * body, and the end of that body the beginning of the next answer.
 */
export function writeGoAhead(response: ServerResponse): void {
	const write = () => {
		if (!response.headersSent) response.writeContinue();
	};
	if (response.socket) write();
	else response.once('socket', write);
}

/**
 * The body's bytes, up to `limit` + 1 of them: one more than allowed is enough to know that it is too long.
 * Rejects when the client breaks off. `invite` is called once the body is waited for.
 */
export function readBody(
	request: IncomingMessage,
	limit: number,
	invite: () => void = () => undefined,
): Promise<Buffer> {
	invite();
	return new Promise((resolve, reject) => {
		const chunks: Buffer[] = [];
		let size = 0;
		const take = (chunk: Buffer) => {
			chunks.push(chunk);
			size += chunk.length;
			if (size > limit) {
				request.pause().off('data', take);
				resolve(Buffer.concat(chunks).subarray(0, limit + 1));
			}
		};
		request.on('data', take);
		request.on('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
		request.on('error', reject);
		request.on('close', () => reject(new Error('the client broke off')));
	});
}
