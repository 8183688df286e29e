import { pipeline } from 'node:stream/promises';
import type { Request, RequestHandler, Response } from 'express';
import type { Method, Route } from '../../common/http/app.ts';
import type { Operator } from '../operator.ts';

/** Where the authentication handler leaves the operator for the handlers. */
const OPERATOR = 'operator';

/**
 * Authenticates every request to the management API; nothing of it is open.
 * @param admit lets an operator's request in, or throws; what it gives is called when the request is over
 */
export function requireOperator(
	authenticate: (request: Request) => Promise<Operator>,
	admit?: (operator: Operator) => () => void,
): RequestHandler {
	return (request, response, next) => {
		authenticate(request)
			.then(operator => {
				if (admit) response.once('close', admit(operator));
				response.locals[OPERATOR] = operator;
			})
			.then(() => next(), next);
	};
}

/** A route of `/p2c/v1` that answers its operator with JSON; what `answer` throws becomes a problem. */
export function operatorRoute(
	method: Method,
	path: string,
	answer: (request: Request, operator: Operator) => unknown,
): Route {
	return {
		method,
		path: `/p2c/v1${path}`,
		handle: async (request, response: Response) => {
			response.json(await answer(request, response.locals[OPERATOR] as Operator));
		},
	};
}

/** A GET of `/p2c/v1` that gives bytes as they come, no faster than its operator takes them. */
export function operatorStream(
	path: string,
	answer: (
		request: Request,
		operator: Operator,
	) => Promise<{ readonly length: number; readonly pieces: AsyncIterable<Uint8Array> }>,
): Route {
	return {
		method: 'GET',
		path: `/p2c/v1${path}`,
		handle: async (request, response: Response) => {
			const { length, pieces } = await answer(request, response.locals[OPERATOR] as Operator);
			const iterator = pieces[Symbol.asyncIterator]();
			// What goes wrong before there is anything to give is an answer still.
			const first = request.method === 'HEAD' ? undefined : await iterator.next();
			response.type('application/octet-stream').set('Content-Length', String(length));
			if (!first) return void response.end();
			const all = async function* () {
				if (!first.done) yield first.value;
				yield* { [Symbol.asyncIterator]: () => iterator };
			};
			// Whoever goes away in the middle has what is theirs; who is given up has too few bytes to take them for all.
			await pipeline(all, response)
				.catch(() => undefined)
				.finally(() => iterator.return?.());
		},
	};
}
