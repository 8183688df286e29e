import { randomUUID } from 'node:crypto';
import express, {
	type Express,
	type NextFunction,
	type Request,
	type RequestHandler,
	type Response,
} from 'express';
import type { Registry } from 'prom-client';
import { type Clock, systemClock } from '../clock.ts';
import type { BimetalError } from '../errors/bimetal-error.ts';
import { type Logger, silentLogger } from '../log/logger.ts';
import { requestMetrics } from '../metrics/request-metrics.ts';
import { httpErrors } from './errors.ts';
import { PROBLEM_TYPE, problemOf, toBimetalError } from './problem.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** One thing that a management API does. Handlers parse, call the domain and render; what they throw is answered. */
export interface Route {
	readonly method: Method;
	/** As express writes it: `/p2c/v1/requests/:id`. */
	readonly path: string;
	handle(request: Request, response: Response): unknown;
}

export interface AppDeps {
	readonly routes: readonly Route[];
	/** Run in this order before any route and after the body is parsed; for authentication. */
	readonly before?: readonly RequestHandler[];
	readonly logger?: Logger;
	/** When given, request counts and durations by route are kept in it. */
	readonly registry?: Registry;
	readonly clock?: Clock;
	/** Longest JSON body in bytes; 1 MiB when absent. */
	readonly bodyLimit?: number;
	/** Reads bodies, instead of taking JSON and nothing else; for wire formats that are not ours to choose. */
	readonly readBody?: readonly RequestHandler[];
	/** Requests whose body the route itself reads, as it comes: nothing is read before. */
	readonly isStreamed?: (request: Request) => boolean;
	/** Writes an error's status and body, instead of a problem document; the headers that belong to it are set. */
	readonly renderError?: (error: BimetalError, response: Response) => void;
	/** The value of WWW-Authenticate on a 401, RFC 9110 section 11.6.1; `Basic realm="bimetal"` when absent. */
	readonly challenge?: string;
	readonly newRequestId?: () => string;
}

/** Where the request id stands: `response.locals.requestId`; clients see it as X-Request-Id. */
const REQUEST_ID = 'requestId';

/**
 * An express application for a management API: JSON in and out, RFC 9457 problems for errors, 404 and 405, one
 * request id per call, headers that keep browsers from guessing. It never listens; see listen.ts.
 */
export function createApp(deps: AppDeps): Express {
	const { logger = silentLogger, bodyLimit = 1024 * 1024, challenge = 'Basic realm="bimetal"' } = deps;
	const app = express();
	app.disable('x-powered-by');
	app.disable('etag');
	app.enable('case sensitive routing');
	app.enable('strict routing');
	app.set('query parser', 'simple');

	app.use(accompany(deps, logger));
	const readJson = express.json({ limit: bodyLimit, inflate: false, strict: true, reviver: refusePrototype });
	for (const handler of deps.readBody ?? [refuseOtherBodies, readJson]) {
		app.use((request, response, next) =>
			deps.isStreamed?.(request) ? next() : handler(request, response, next),
		);
	}
	for (const handler of deps.before ?? []) app.use(handler);
	for (const [path, routes] of groupByPath(deps.routes)) {
		const route = app.route(path);
		for (const { method, handle } of routes) {
			// Called as a function of two arguments: express counts them, and four would make an error handler.
			route[lower(method)]((request, response) => handle(request, response));
		}
		route.all(refuseMethod(routes.map(({ method }) => method)));
	}
	app.use(() => {
		throw httpErrors.NotFound('There is nothing at this path.');
	});
	app.use((thrown: unknown, _request: Request, response: Response, next: NextFunction) => {
		const error = toBimetalError(thrown);
		if (error.status >= 500) {
			logger.error({ err: thrown, requestId: response.locals[REQUEST_ID] }, 'the request failed');
		}
		// The head is on its way: all that is left is to cut the answer off, so that nobody takes it for whole.
		if (response.headersSent) return next(thrown);
		if (error.status === 401) response.set('WWW-Authenticate', challenge);
		if (error.retryAfterSeconds !== undefined) response.set('Retry-After', String(error.retryAfterSeconds));
		if (deps.renderError) return deps.renderError(error, response);
		const problem = problemOf(error);
		response.status(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
	});
	return app;
}

/** Gives each call its id and headers, and a line in the log and a place in the metrics when it is over. */
function accompany(deps: AppDeps, logger: Logger): RequestHandler {
	const { clock = systemClock, newRequestId = randomUUID } = deps;
	const observe = deps.registry ? requestMetrics(deps.registry) : undefined;
	return (request, response, next) => {
		const began = clock.now();
		const requestId = newRequestId();
		response.locals[REQUEST_ID] = requestId;
		response.set({
			'X-Request-Id': requestId,
			'Cache-Control': 'no-store',
			'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
			'Referrer-Policy': 'no-referrer',
			'X-Content-Type-Options': 'nosniff',
			...(request.secure ? { 'Strict-Transport-Security': 'max-age=31536000' } : {}),
		});
		response.once('close', () => {
			const ms = clock.now() - began;
			const { method, originalUrl: target } = request;
			const status = response.writableFinished ? response.statusCode : 'aborted';
			// The route's pattern, not the path: a label for each id would fill the memory.
			const route: unknown = request.route?.path;
			observe?.({ method, route: typeof route === 'string' ? route : 'none', status: String(status), ms });
			logger.info({ requestId, method, target, status, ms }, 'answered');
		});
		next();
	};
}

const refuseOtherBodies: RequestHandler = (request, _response, next) => {
	const { headers } = request;
	const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
	if (hasBody && !request.is('application/json')) {
		throw httpErrors.UnsupportedBody('The body must be application/json.');
	}
	next();
};

function refusePrototype(key: string, value: unknown): unknown {
	// A plain error: the body parser strips the properties of whatever is thrown here, and says 400 itself.
	if (key === '__proto__') throw new SyntaxError('the key __proto__');
	return value;
}

function refuseMethod(methods: readonly Method[]): RequestHandler {
	const allowed = [...new Set([...methods, ...(methods.includes('GET') ? ['HEAD'] : [])])].sort().join(', ');
	return (request, response) => {
		response.set('Allow', allowed);
		if (request.method === 'OPTIONS') {
			response.status(204).end();
			return;
		}
		throw httpErrors.MethodNotAllowed(`${request.method} is not possible here; possible: ${allowed}.`);
	};
}

function groupByPath(routes: readonly Route[]): Map<string, Route[]> {
	const groups = new Map<string, Route[]>();
	for (const route of routes) groups.set(route.path, [...(groups.get(route.path) ?? []), route]);
	return groups;
}

function lower<M extends Method>(method: M): Lowercase<M> {
	return method.toLowerCase() as Lowercase<M>;
}
