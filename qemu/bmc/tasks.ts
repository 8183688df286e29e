import type { Clock } from '../../common/clock.ts';
import type { JsonObject } from '../redfish/json.ts';

/** A long-running request, as TaskService shows it. Times are milliseconds since the epoch. */
export interface Task {
	readonly id: number;
	readonly started: number;
	readonly target: string;
	readonly operation: string;
	readonly jsonBody: string;
	readonly name: string;
	ended: number | undefined;
	/** A monitor gives its result once. */
	collected: boolean;
}

export interface Tasks {
	start(
		request: { target: string; operation: string; name: string; jsonBody?: string },
		done: () => void,
	): Task;
	list(): readonly Task[];
	find(id: string): Task | undefined;
	percent(task: Task): number;
	stop(): void;
}

const KEPT = 32;

export function createTasks(options: {
	readonly clock: Clock;
	readonly durationMs: number;
	readonly touch: () => void;
}): Tasks {
	const { clock, durationMs } = options;
	const tasks: Task[] = [];
	const cancels = new Set<() => void>();
	let nextId = 0;
	return {
		start(request, done) {
			const task: Task = {
				id: nextId++,
				started: clock.now(),
				target: request.target,
				operation: request.operation,
				jsonBody: request.jsonBody ?? '',
				name: request.name,
				ended: undefined,
				collected: false,
			};
			tasks.push(task);
			if (tasks.length > KEPT) tasks.shift();
			const cancel = clock.after(durationMs, () => {
				cancels.delete(cancel);
				task.ended = clock.now();
				done();
				options.touch();
			});
			cancels.add(cancel);
			return task;
		},
		list: () => tasks,
		find: id => tasks.find(task => String(task.id) === id),
		percent(task) {
			if (task.ended !== undefined) return 100;
			return Math.min(99, Math.floor(((clock.now() - task.started) / durationMs) * 100));
		},
		stop() {
			for (const cancel of cancels) cancel();
		},
	};
}

/** The short form that a 202 answer carries. */
export function taskSummary(task: Task): JsonObject {
	return {
		'@odata.id': `/redfish/v1/TaskService/Tasks/${task.id}`,
		'@odata.type': '#Task.v1_4_3.Task',
		Id: String(task.id),
		TaskState: task.ended === undefined ? 'Running' : 'Completed',
		TaskStatus: 'OK',
	};
}
