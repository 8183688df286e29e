import type { Express } from 'express';
import { z } from 'zod';
import { createApp, type Route } from '../common/http/app.ts';
import { callRoute } from '../common/http/call-route.ts';
import { describeApi } from '../common/http/describe-api.ts';
import { whoAsks } from '../common/http/who-asks.ts';
import type { Actor } from './authorize/actor.ts';
import { provisionerErrors } from './errors.ts';
import type { ProvisionerDeps } from './provisioner-deps.ts';
import { describedTransfers } from './v1/described-transfers.ts';
import { contentRoutes } from './v1/image-content.ts';
import { type ProvisionerRoute, reads } from './v1/route.ts';
import { provisionerRoutes } from './v1/routes.ts';
import { isUploadBody, tusHeaders, uploadRoutes } from './v1/upload-routes.ts';
import * as views from './v1/views.ts';

const notLoggedIn = () => provisionerErrors.NotLoggedIn("Log in with hil's user name and password.");

/** The service's interface as an application; it never listens. */
export function createProvisioner(deps: ProvisionerDeps): Express {
	const { logger, registry, clock } = deps;
	return createApp({
		routes: [
			...withDescription(provisionerRoutes(), deps.version).map(route => serve(route, deps)),
			...uploadRoutes(deps),
			...contentRoutes(deps),
		],
		before: [tusHeaders(deps), whoAsks({ authenticator: deps.authenticator, refusal: notLoggedIn })],
		isStreamed: isUploadBody,
		logger,
		clock,
		...(registry && { registry }),
		challenge: 'Basic realm="provisioner", charset="UTF-8"',
	});
}

const serve = (route: ProvisionerRoute, deps: ProvisionerDeps): Route =>
	callRoute('/v1', route, async (args, response) => {
		const result = await route.run(deps, args, response.locals.actor as Actor);
		response.status(statusOf(route, result)).json(result);
	});

/** An operation that has ended is no longer merely accepted. */
const statusOf = ({ status }: ProvisionerRoute, result: unknown): number =>
	status === 202 && (result as { endedAt?: unknown }).endedAt !== null ? 200 : (status ?? 200);

const failures: Readonly<Record<number, string>> = {
	400: 'The arguments do not fit the call',
	401: 'Not logged in',
	403: 'Not allowed',
	404: 'Something that the call names is not there, or not to be seen',
	409: 'It is there already, in use, protected or not ready',
};

/** The routes, and one more that describes them all. */
function withDescription(routes: readonly ProvisionerRoute[], version: string): ProvisionerRoute[] {
	const described: ProvisionerRoute = reads({
		path: '/openapi.json',
		action: 'api.describe',
		summary: 'This description',
		answer: z.looseObject({ openapi: z.string() }),
		verb: async () => undefined,
		after: () =>
			describeApi({
				title: 'Bimetal provisioner',
				version,
				description: 'Images, disks, and booting nodes from them.',
				prefix: '/v1',
				calls: [...routes, ...describedTransfers, described],
				failures,
				error: views.problem,
			}),
	});
	return [...routes, described];
}
