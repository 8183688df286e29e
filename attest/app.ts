import type { Express } from 'express';
import type { Registry } from 'prom-client';
import { z } from 'zod';
import type { Clock } from '../common/clock.ts';
import { createApp, type Route } from '../common/http/app.ts';
import { callRoute } from '../common/http/call-route.ts';
import { describeApi } from '../common/http/describe-api.ts';
import { whoAsks } from '../common/http/who-asks.ts';
import type { Authenticator } from '../common/identity/asked-authenticator.ts';
import type { Logger } from '../common/log/logger.ts';
import { type Actor, nobody } from './authorize/actor.ts';
import { attestErrors } from './errors.ts';
import { problem } from './http/problem.ts';
import { type AttestRoute, type RouteDeps, routesOf } from './http/route.ts';

/** A role that this process has: the registrar's, the verifier's, or both. */
export interface Role {
	readonly name: 'registrar' | 'verifier';
	readonly routes: readonly AttestRoute[];
}

export interface AttestDeps extends RouteDeps, Authenticator<Actor> {
	readonly roles: readonly Role[];
	/** Bytes: lists of measurements are long. */
	readonly bodyLimit: number;
	readonly version: string;
	readonly clock: Clock;
	readonly logger: Logger;
	readonly registry?: Registry | undefined;
}

const notKnown = () => attestErrors.NotLoggedIn('This user name and password are not known.');

/** The interfaces of the roles, each under its name, as an application; it never listens. */
export function createAttest(deps: AttestDeps): Express {
	const { logger, registry, clock, bodyLimit } = deps;
	return createApp({
		routes: deps.roles.flatMap(role =>
			[...role.routes, ...common(role, deps)].map(route => serve(role.name, route)),
		),
		before: [
			// Who shows no credential may do what agents do.
			whoAsks({ authenticator: deps, nobody, refusal: notKnown }),
		],
		bodyLimit,
		logger,
		clock,
		...(registry && { registry }),
		challenge: 'Basic realm="attest", charset="UTF-8"',
	});
}

const serve = (role: Role['name'], route: AttestRoute): Route =>
	callRoute(`/${role}/v1`, route, async (args, response) => {
		const result = await route.run(args, response.locals.actor as Actor);
		response.status(route.status ?? 200);
		if (route.type === undefined) response.json(result);
		else response.type(route.type).send(result);
	});

const failures: Readonly<Record<number, string>> = {
	400: 'The arguments do not fit the call',
	401: 'Not logged in',
	403: 'Not allowed',
	404: 'Something that the call names is not there, or not to be seen',
	409: 'It is there already, or not as it must be for this',
	422: 'What was shown is refused; the detail says why',
};

const me = z.strictObject({ name: z.string(), isAdmin: z.boolean(), projects: z.array(z.string()) });

/** What every role answers. */
function common({ name, routes }: Role, deps: AttestDeps): AttestRoute[] {
	const { reads } = routesOf(deps);
	const own = [
		reads({
			path: '/me',
			action: 'me.show',
			summary: 'Who asks: name, rights and projects',
			answer: me,
			verb: async (_tx, _args, { actor }) => ({
				name: actor.name,
				isAdmin: actor.isAdmin,
				projects: [...actor.projects].sort(),
			}),
		}),
	];
	const described: AttestRoute = reads({
		path: '/openapi.json',
		action: 'api.describe',
		summary: 'This description',
		answer: z.looseObject({ openapi: z.string() }),
		verb: async () =>
			describeApi({
				title: `Bimetal ${name}`,
				version: deps.version,
				description: 'Paths with /agent/ are called by nodes, without a log-in.',
				prefix: `/${name}/v1`,
				calls: [...routes, ...own, described],
				failures,
				error: problem,
			}),
	});
	return [...own, described];
}
