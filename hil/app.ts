import type { Express, Request, Response } from 'express';
import type { BimetalError } from '../common/errors/bimetal-error.ts';
import { createApp, type Route } from '../common/http/app.ts';
import type { PeerSocket } from '../common/identity/client-certificate.ts';
import type { Actor } from './authorize/actor.ts';
import { hilErrors, hilErrorTable } from './errors.ts';
import type { HilDeps } from './hil-deps.ts';
import { readArguments, readRaw } from './v0/read-arguments.ts';
import { type HilRoute, OtherAnswer, TextStream } from './v0/route.ts';
import { v0Routes } from './v0/routes.ts';
import { v1Routes } from './v1/routes.ts';

/** The service's interfaces as one application; it never listens. */
export function createHil(deps: HilDeps): Express {
	const { logger, registry, clock } = deps;
	const routes = [
		...v0Routes().map(route => serve('/v0', route, deps)),
		...v1Routes().map(route => serve('/v1', route, deps)),
	];
	return createApp({
		routes,
		logger,
		clock,
		...(registry && { registry }),
		challenge: deps.authentication.challenge,
		// Who asks is established before anything of the body is read.
		readBody: [mergeSlashes, refuseOtherSites, authenticate(deps), readRaw],
		renderError: answerError,
	});
}

/** HIL's client joins paths so that slashes double. */
const mergeSlashes = (request: Request, _response: Response, next: () => void): void => {
	const [path = '', ...query] = request.url.split('?');
	request.url = [path.replace(/\/{2,}/g, '/'), ...query].join('?');
	next();
};

/**
 * A browser shows passwords and certificates that it has to whoever makes it ask, and a body needs no type here: pages of
 * other sites could act as their reader (W3C Fetch Metadata: browsers say so, and no page can keep them from it).
 */
const refuseOtherSites = (request: Request, _response: Response, next: () => void): void => {
	const from = request.headers['sec-fetch-site'];
	if (from !== undefined && from !== 'same-origin' && from !== 'none') {
		throw hilErrors.AuthorizationError('A page of another site asks: hil takes no calls from there.');
	}
	next();
};

const authenticate =
	({ authentication }: HilDeps) =>
	async (request: Request, response: Response, next: () => void): Promise<void> => {
		const token = request.headers['x-auth-token'];
		response.locals.actor = await authentication.authenticate({
			authorization: request.headers.authorization,
			authToken: Array.isArray(token) ? token.join() : token,
			// A TLS socket is more than its type here says; a plain one shows nothing.
			socket: request.socket as PeerSocket,
			address: request.socket.remoteAddress,
		});
		next();
	};

function serve(prefix: string, route: HilRoute, deps: HilDeps): Route {
	return {
		method: route.method,
		path: `${prefix}${asExpress(route.path)}`,
		async handle(request, response) {
			const args = readArguments(route.args, request);
			const result = await route.run(deps, args as never, response.locals.actor as Actor);
			if (result instanceof TextStream) return sendStream(result, response);
			const { status, body } =
				result instanceof OtherAnswer ? result : { status: route.status ?? 200, body: result };
			if (body === undefined) response.status(status).end();
			else response.status(status).json(body);
		},
	};
}

/** {port...} is express's *port, {node} its :node. A slash at the end may be left out: HIL's command line does. */
const asExpress = (path: string): string =>
	path
		.replace(/\{(\w+)\.\.\.\}/g, '*$1')
		.replace(/\{(\w+)\}/g, ':$1')
		.replace(/\/$/, '{/}');

async function sendStream({ pieces, end }: TextStream, response: Response): Promise<void> {
	let goOn: () => void = () => undefined;
	response.on('drain', () => goOn());
	response.once('close', () => {
		end();
		goOn();
	});
	// A reader who went while it was being opened is not told of any more; one who asks for the head alone reads nothing.
	if (response.destroyed || response.req.method === 'HEAD') end();
	response.status(200).type('text/plain').flushHeaders();
	try {
		for await (const piece of pieces) {
			if (!response.write(piece) && !response.destroyed) {
				await new Promise<void>(resolve => {
					goOn = resolve;
				});
			}
			if (response.destroyed) break;
		}
	} finally {
		end();
		response.end();
	}
}

/** HIL's body of errors: `{"type", "msg"}`, where the type is the name of the reason. */
function answerError({ code, status, message, expose }: BimetalError, response: Response): void {
	const body = expose
		? { type: typeOf(code, status), msg: message }
		: {
				type: 'ServerError',
				msg: 'The service failed; its log has the details under the X-Request-Id of this answer.',
			};
	response.status(status).json(body);
}

const typeOf = (code: string, status: number): string => {
	if (Object.hasOwn(hilErrorTable, code)) return code;
	return status === 404 ? 'NotFoundError' : status === 405 ? 'MethodNotAllowed' : 'ValidationError';
};
