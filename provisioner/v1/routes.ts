import { diskRoutes } from './disk-routes.ts';
import { exchangeRoutes } from './exchange-routes.ts';
import { imageRoutes } from './image-routes.ts';
import { nodeRoutes } from './node-routes.ts';
import { operationRoutes } from './operation-routes.ts';
import { type ProvisionerRoute, reads } from './route.ts';
import { storageRoutes } from './storage-routes.ts';
import * as views from './views.ts';

/** Everything that the service does for those who ask over HTTP. */
export const provisionerRoutes = (): readonly ProvisionerRoute[] => [
	reads({
		path: '/me',
		action: 'me.show',
		summary: 'Who asks, as hil says: name, rights and projects',
		answer: views.me,
		verb: async (_tx, _args: object, { actor: { name, isAdmin, projects } }) => ({
			name,
			isAdmin,
			projects: [...projects].sort(),
		}),
	}),
	...imageRoutes(),
	...diskRoutes(),
	...nodeRoutes(),
	...exchangeRoutes(),
	...operationRoutes(),
	...storageRoutes(),
];
