import { withDescription } from './describe-api.ts';
import { type HilRoute, reads } from './route.ts';
import { headnodeRoutes } from './routes/headnode-routes.ts';
import { networkRoutes } from './routes/network-routes.ts';
import { nodeRoutes } from './routes/node-routes.ts';
import { obmRoutes } from './routes/obm-routes.ts';
import { projectRoutes } from './routes/project-routes.ts';
import { switchRoutes } from './routes/switch-routes.ts';
import { userRoutes } from './routes/user-routes.ts';
import * as views from './views.ts';

const nothing = async (): Promise<undefined> => undefined;

/** HIL's whole interface. */
export function v0Routes(): readonly HilRoute[] {
	const own: HilRoute[] = [
		...projectRoutes,
		...nodeRoutes,
		...obmRoutes(),
		...networkRoutes,
		...switchRoutes,
		...headnodeRoutes,
		...userRoutes,
		reads({
			path: '/active_extensions',
			action: 'extensions.list',
			summary: 'What is active: authentication, switches, out-of-band management',
			answer: views.names,
			verb: nothing,
			after: (_result, { extensions, authentication }) =>
				[...authentication.extensions, ...extensions].sort(),
		}),
	];
	return withDescription('/v0', own);
}
