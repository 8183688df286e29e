import { z } from 'zod';
import type { Route } from '../../common/http/app.ts';
import { parse } from '../../common/http/parse.ts';
import { operatorRoute } from '../api/operator-route.ts';
import { type RepairDeps, repairDoors } from './repair.ts';
import { viewDoors } from './view-doors.ts';

/** `POST /p2c/v1/bmcs/{name}/repair`: shut again what stands open, as the asking operator. */
export function createRepairRoutes(deps: RepairDeps): Route[] {
	return [
		operatorRoute('POST', '/bmcs/:name/repair', async (request, operator) => {
			parse(z.strictObject({}), request.body ?? {});
			const { repairs, report } = await repairDoors(deps, String(request.params.name), operator);
			return { repairs, ...viewDoors(report) };
		}),
	];
}
