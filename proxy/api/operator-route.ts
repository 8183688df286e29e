import type { Request, RequestHandler, Response } from 'express';
import type { Method, Route } from '../../common/http/app.ts';
import type { Operator } from '../operator.ts';

/** Where the authentication handler leaves the operator for the handlers. */
const OPERATOR = 'operator';

/** Authenticates every request to the management API; nothing of it is open. */
export function requireOperator(authenticate: (request: Request) => Promise<Operator>): RequestHandler {
	return (request, response, next) => {
		authenticate(request).then(operator => {
			response.locals[OPERATOR] = operator;
			next();
		}, next);
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
