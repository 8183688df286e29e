import { z } from 'zod';
import type { Clock } from '../../common/clock.ts';
import { defineCollection, type Store } from '../../common/store/store.ts';
import type { Call } from '../call.ts';
import { proxyErrors } from '../errors.ts';

const bmcTask = z.strictObject({ operator: z.string(), at: z.int() });
const bmcTasks = defineCollection('bmc-tasks', bmcTask);

/** Milliseconds after which nobody comes back for a result any more. */
const kept = 7 * 24 * 3_600_000;

/**
 * Who may read the results of tasks that BMCs began. A BMC hands the result of a task to whoever asks first, and
 * then forgets it: so only the operator whose request began it may ask.
 */
export interface BmcTasks {
	/** Notes the task monitor that the BMC's answer names; call it with the Location of every 202. */
	began(call: Call, location: string | undefined): Promise<void>;
	/** Throws NotFound unless the call reads a task monitor of its own operator. */
	requireOwner(call: Call): Promise<void>;
}

export function createBmcTasks({ store, clock }: { store: Store; clock: Clock }): BmcTasks {
	const idOf = (bmc: string, path: string): string => `${bmc} ${path}`;
	return {
		async began(call, location) {
			const path = location?.slice(call.prefix.length).replace(/\/$/, '');
			if (path === undefined || !isMonitor(path)) return;
			await store.transact(async tx => {
				for (const { id, document } of await tx.list(bmcTasks)) {
					if (document.at < clock.now() - kept) await tx.delete(bmcTasks, id);
				}
				const task = { operator: call.operator.name, at: clock.now() };
				await tx.put(bmcTasks, idOf(call.bmc.target.name, path), task);
			});
		},
		async requireOwner({ request, operator, bmc }) {
			const id = idOf(bmc.target.name, request.path);
			const task = isMonitor(request.path) ? await store.read(tx => tx.get(bmcTasks, id)) : undefined;
			if (task?.operator !== operator.name) throw proxyErrors.NotFound('there is no such resource');
		},
	};
}

const isMonitor = (path: string): boolean => /^\/redfish\/v1\/TaskService\/TaskMonitors\/[^/]+$/.test(path);
