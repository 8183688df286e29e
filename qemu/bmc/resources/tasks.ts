import { collection, type JsonObject } from '../../redfish/json.ts';
import { accepted, done, notFound } from '../../redfish/outcome.ts';
import { CONFIGURE_MANAGER, LOGIN } from '../../redfish/privileges.ts';
import { act, resource } from '../../redfish/route-kinds.ts';
import type { Route } from '../../redfish/route-table.ts';
import { type Device, timestamp } from '../device.ts';
import { type Task, taskSummary } from '../tasks.ts';

const SERVICE = '/redfish/v1/TaskService';
const RETRY_AFTER = 30;

export function taskRoutes(device: Device): Route[] {
	return [
		...resource(
			SERVICE,
			() => ({
				'@odata.id': SERVICE,
				'@odata.type': '#TaskService.v1_1_4.TaskService',
				Id: 'TaskService',
				Name: 'Task Service',
				CompletedTaskOverWritePolicy: 'Oldest',
				DateTime: timestamp(device.clock.now()),
				LifeCycleEventOnTaskStateChange: true,
				ServiceEnabled: true,
				Status: { State: 'Enabled' },
				Tasks: { '@odata.id': `${SERVICE}/Tasks` },
			}),
			{ volatile: true },
		),
		...resource(`${SERVICE}/Tasks`, () =>
			collection(
				`${SERVICE}/Tasks`,
				'TaskCollection',
				'Task Collection',
				device.tasks.list().map(task => String(task.id)),
			),
		),
		...resource(
			`${SERVICE}/Tasks/{}`,
			call => {
				const task = device.tasks.find(call.params[0] ?? '');
				return task && showTask(device, task);
			},
			{ type: 'Task', volatile: true },
		),
		...(device.hasCancellableTasks ? cancelRoutes(device) : []),
		{
			method: 'GET',
			pattern: `${SERVICE}/TaskMonitors/{}`,
			requirement: LOGIN,
			volatile: true,
			// Reading it changes it: the result is given once, to whoever comes first, and then it is gone.
			handle: call => {
				const [id = ''] = call.params;
				const task = device.tasks.find(id);
				if (!task || task.collected) return notFound('Monitor', id);
				if (task.ended === undefined) {
					return accepted(taskSummary(task), `${SERVICE}/TaskMonitors/${task.id}`, RETRY_AFTER);
				}
				task.collected = true;
				device.touch();
				return { status: 204 };
			},
		},
	];
}

/** What DSP0266 §12.2 allows, and bmcweb does not have: DELETE of a task or its monitor cancels it. */
function cancelRoutes(device: Device): Route[] {
	return ['Tasks', 'TaskMonitors'].map(kind =>
		act('DELETE', `${SERVICE}/${kind}/{}`, CONFIGURE_MANAGER, call => {
			const task = device.tasks.find(call.params[0] ?? '');
			return task && device.tasks.cancel(task) ? done() : notFound('Task', call.params[0] ?? '');
		}),
	);
}

function showTask(device: Device, task: Task): JsonObject {
	return {
		...taskSummary(task),
		'@odata.type': '#Task.v1_4_3.Task',
		Name: `Task ${task.id}`,
		Description: task.name,
		StartTime: timestamp(task.started),
		...(task.ended === undefined
			? { TaskMonitor: `${SERVICE}/TaskMonitors/${task.id}` }
			: { EndTime: timestamp(task.ended) }),
		PercentComplete: device.tasks.percent(task),
		HidePayload: false,
		Payload: {
			TargetUri: task.target,
			HttpOperation: task.operation,
			HttpHeaders: [...task.headers],
			JsonBody: task.jsonBody,
		},
		Messages: [],
	};
}
