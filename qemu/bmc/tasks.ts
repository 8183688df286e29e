import type { Clock } from '../../common/clock.ts';
import type { JsonObject } from '../redfish/json.ts';
import type { Call } from '../redfish/route-table.ts';

/** A long-running request, as TaskService shows it. Times are milliseconds since the epoch. */
export interface Task {
	readonly id: number;
	readonly started: number;
	readonly target: string;
	readonly operation: string;
	/** As `Name: value`. */
	readonly headers: readonly string[];
	/** Empty where the body was no JSON. */
	readonly jsonBody: string;
	readonly name: string;
	ended: number | undefined;
	/** How it ended; of what goes on, `Running`. */
	state: 'Running' | 'Completed' | 'Exception' | 'Cancelled';
	/** A monitor gives its result once. */
	collected: boolean;
}

export interface Tasks {
	/** Starts the task that a request asked for; `done` is called when its time is over. */
	start(call: Call, name: string, done: () => void): Task;
	list(): readonly Task[];
	find(id: string): Task | undefined;
	percent(task: Task): number;
	/** Ends what is running before its time; false when it has ended. */
	cancel(task: Task): boolean;
	/** A restart of the BMC: nothing of them is left, and counting begins at 0 again. */
	forget(): void;
	stop(): void;
}

const KEPT = 32;
const MAX_BODY = 16 * 1024;
// What a task's payload repeats of its request to everybody who is logged in; credentials are not among it.
const SHOWN = new Set([
	'accept',
	'accept-encoding',
	'user-agent',
	'host',
	'connection',
	'content-type',
	'content-length',
]);

export function createTasks(options: {
	readonly clock: Clock;
	readonly durationMs: number;
	readonly touch: () => void;
	/** Asked when a task's time is over: does what it was to do fail? */
	readonly fails: () => boolean;
}): Tasks {
	const { clock, durationMs } = options;
	const tasks: Task[] = [];
	const cancels = new Map<Task, () => void>();
	const stop = () => {
		for (const cancel of cancels.values()) cancel();
		cancels.clear();
	};
	let nextId = 0;
	return {
		start(call, name, done) {
			const task: Task = {
				id: nextId++,
				started: clock.now(),
				target: call.target.path,
				operation: call.head.method,
				headers: call.head.headers
					.filter(([key]) => SHOWN.has(key))
					.map(([key, value]) => `${key}: ${value}`),
				jsonBody: call.body.length <= MAX_BODY && call.json().ok ? call.body.toString('utf8') : '',
				name,
				ended: undefined,
				state: 'Running',
				collected: false,
			};
			tasks.push(task);
			if (tasks.length > KEPT) tasks.shift();
			const cancel = clock.after(durationMs, () => {
				cancels.delete(task);
				task.ended = clock.now();
				task.state = options.fails() ? 'Exception' : 'Completed';
				if (task.state === 'Completed') done();
				options.touch();
			});
			cancels.set(task, cancel);
			return task;
		},
		list: () => tasks,
		find: id => tasks.find(task => String(task.id) === id),
		percent(task) {
			if (task.ended !== undefined) return 100;
			return Math.min(99, Math.floor(((clock.now() - task.started) / durationMs) * 100));
		},
		cancel(task) {
			const cancel = cancels.get(task);
			if (!cancel) return false;
			cancel();
			cancels.delete(task);
			task.ended = clock.now();
			task.state = 'Cancelled';
			options.touch();
			return true;
		},
		forget() {
			stop();
			tasks.length = 0;
			nextId = 0;
		},
		stop,
	};
}

/** The short form that a 202 answer carries. */
export function taskSummary(task: Task): JsonObject {
	return {
		'@odata.id': `/redfish/v1/TaskService/Tasks/${task.id}`,
		'@odata.type': '#Task.v1_4_3.Task',
		Id: String(task.id),
		TaskState: task.state,
		TaskStatus: task.state === 'Exception' ? 'Critical' : 'OK',
	};
}
