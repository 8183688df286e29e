import { z } from 'zod';
import type { Route } from '../../common/http/app.ts';
import { parse } from '../../common/http/parse.ts';
import { operatorOf } from '../api/routes.ts';
import { type RepairDeps, repairDoors } from './repair.ts';
import { viewDoors } from './view-doors.ts';

/** `POST /p2c/v1/bmcs/{name}/repair`: shut again what stands open, as the asking operator. */
export function createRepairRoutes(deps: RepairDeps): Route[] {
	return [
		{
			method: 'POST',
			path: '/p2c/v1/bmcs/:name/repair',
			handle: async (request, response) => {
				parse(z.strictObject({}), request.body ?? {});
				const { repairs, report } = await repairDoors(
					deps,
					String(request.params.name),
					operatorOf(response),
				);
				response.json({ repairs, ...viewDoors(report) });
			},
		},
	];
}
