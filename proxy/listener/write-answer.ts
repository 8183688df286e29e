import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Answer } from '../answer/answer.ts';
import { endAfterBody, type Lingering, shortLingering } from './linger.ts';

/**
 * Writes an answer whole. To HEAD the same headers without the body (RFC 9110 §9.3.2). Where the request's body was not
 * read, as much of it as `lingering` says is taken in before the connection ends.
 */
export function writeAnswer(
	request: IncomingMessage,
	response: ServerResponse,
	answer: Answer,
	lingering: Lingering = shortLingering,
): void {
	if (response.headersSent) {
		// A fault after the answer began: cutting it off is all that is left, so that nobody takes it for whole.
		response.destroy();
		return;
	}
	const { status, headers, body } = answer;
	const bodiless = status === 204 || status === 304;
	response.writeHead(status, {
		...headers,
		...(!bodiless && { 'content-length': String(body?.length ?? 0) }),
		// What was not read of a refused body would be taken for the next request.
		...(!request.complete && { connection: 'close' }),
	});
	const content = bodiless || request.method === 'HEAD' ? undefined : body;
	if (request.complete) {
		response.end(content);
		return;
	}
	if (content) response.write(content);
	else response.flushHeaders();
	endAfterBody(request, response, lingering);
}
