import type { Express } from 'express';
import { z } from 'zod';
import { createApp, type Route } from '../common/http/app.ts';
import { callRoute } from '../common/http/call-route.ts';
import { describeApi } from '../common/http/describe-api.ts';
import { whoAsks } from '../common/http/who-asks.ts';
import type { Actor } from './authorize/actor.ts';
import { marketErrors } from './errors.ts';
import type { MarketDeps } from './market-deps.ts';
import { type MarketRoute, reads } from './v1/route.ts';
import { marketRoutes } from './v1/routes.ts';
import * as views from './v1/views.ts';

const notLoggedIn = () => marketErrors.NotLoggedIn("Log in with hil's user name and password.");

/** The service's interface as an application; it never listens. */
export function createMarket(deps: MarketDeps): Express {
	const { logger, registry, clock } = deps;
	return createApp({
		routes: withDescription(marketRoutes(), deps.version).map(route => serve(route, deps)),
		before: [whoAsks({ authenticator: deps.authenticator, refusal: notLoggedIn })],
		logger,
		clock,
		...(registry && { registry }),
		challenge: 'Basic realm="market", charset="UTF-8"',
	});
}

const serve = (route: MarketRoute, deps: MarketDeps): Route =>
	callRoute('/v1', route, async (args, response) => {
		response.json(await route.run(deps, args, response.locals.actor as Actor));
	});

const failures: Readonly<Record<number, string>> = {
	400: 'The arguments do not fit the call, or mean nothing that could be',
	401: 'Not logged in',
	403: 'Not allowed',
	404: 'Something that the call names is not there, or not to be seen',
	409: 'It cannot be as things are: too few credits, not free, over already',
};

/** The routes, and one more that describes them all. */
function withDescription(routes: readonly MarketRoute[], version: string): MarketRoute[] {
	const described: MarketRoute = reads({
		path: '/openapi.json',
		action: 'api.describe',
		summary: 'This description',
		answer: z.looseObject({ openapi: z.string() }),
		verb: async () => undefined,
		after: () =>
			describeApi({
				title: 'Bimetal market',
				version,
				description:
					'Credits, offers, bids and leases of servers. Times are seconds since the epoch; prices are microcredits for a second of a server.',
				prefix: '/v1',
				calls: [...routes, described],
				failures,
				error: views.problem,
			}),
	});
	return [...routes, described];
}
