import type { Response } from 'express';
import type { z } from 'zod';
import type { Method, Route } from './app.ts';
import { parse } from './parse.ts';

/** As much of a call as it takes to find it and to read what it is given. */
export interface Call {
	readonly method: Method;
	/** `/nodes/{node}`. */
	readonly path: string;
	/** All arguments, those of the path among them; of GET and DELETE the others are the query, else the body. */
	readonly args: z.ZodObject;
}

/** A call as a route of an application; who asks is in `response.locals.actor`. */
export function callRoute(
	prefix: string,
	{ method, path, args }: Call,
	answer: (args: never, response: Response) => Promise<unknown>,
): Route {
	return {
		method,
		path: prefix + path.replace(/\{(\w+)\}/g, ':$1'),
		async handle(request, response) {
			const given = method === 'GET' || method === 'DELETE' ? request.query : request.body;
			await answer(parse(args, { ...(given as object), ...request.params }, 'arguments') as never, response);
		},
	};
}
