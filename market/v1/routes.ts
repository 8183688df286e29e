import { calendarRoutes } from './calendar-routes.ts';
import { creditRoutes } from './credit-routes.ts';
import { leaseRoutes } from './lease-routes.ts';
import { offerRoutes } from './offer-routes.ts';
import type { MarketRoute } from './route.ts';
import { reads } from './route.ts';
import * as views from './views.ts';

export const marketRoutes = (): readonly MarketRoute[] => [
	reads({
		path: '/me',
		action: 'me.show',
		summary: 'Who asks, as hil says',
		answer: views.me,
		verb: async (_tx, _args, { actor: { name, isAdmin, projects } }) => ({
			name,
			isAdmin,
			projects: [...projects].sort(),
		}),
	}),
	...offerRoutes(),
	...leaseRoutes(),
	...creditRoutes(),
	...calendarRoutes(),
];
