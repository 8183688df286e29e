import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Admission } from '../limits/admission.ts';
import { createMemberLeases } from './member-leases.ts';
import type { ToHome, ToWorker, Update, WorkerConfig } from './message.ts';
import { receiveRecords } from './record-channel.ts';

export interface MemberDeps {
	readonly number: number;
	readonly config: WorkerConfig;
	readonly audit: Pick<AuditLog, 'append' | 'healthy'>;
	/** The whole machine's allowances; undefined where there are none. */
	readonly admission: Pick<Admission, 'lease' | 'giveBack'> | undefined;
	/** For what its crew answers: tokens, touched sessions, states. */
	readonly onMessage: (message: ToHome, answer: (message: ToWorker) => void) => void;
	readonly onReady: () => void;
	/** Whatever it ended of. */
	readonly onExit: () => void;
	readonly clock: Clock;
	readonly logger: Logger;
}

/** One worker's process, as home has it. */
export interface Member {
	readonly pid: number | undefined;
	ready(): boolean;
	/** False when it could not be given. `leave` is called when the connection is no more, wherever it ended. */
	give(door: string, socket: Socket, leave: () => void): boolean;
	/** Resolves once the update is in force there, or the process is gone: who does not take it is killed. */
	tell(update: Update): Promise<void>;
	/** Its metrics; none when it does not answer in time. */
	metrics(): Promise<readonly object[]>;
	close(graceMs: number): Promise<void>;
}

/** Milliseconds that a worker has to take an update: what is no longer true must not be acted on for longer. */
const obedience = 5000;

export function startMember(deps: MemberDeps): Member {
	const { clock, logger } = deps;
	const child: ChildProcess = spawn(
		process.execPath,
		['--disable-warning=ExperimentalWarning', fileURLToPath(new URL('./worker-main.ts', import.meta.url))],
		{ stdio: ['ignore', 'inherit', 'inherit', 'ipc', 'pipe'], serialization: 'advanced' },
	);
	const exited = once(child, 'close');
	exited.catch(() => undefined);
	let isReady = false;
	let isGone = false;
	let lastNumber = 0;
	/** Connections that it does not have yet. */
	const given = new Map<number, Socket>();
	/** What to call when one of its connections is no more. */
	const served = new Map<number, () => void>();
	const leases = deps.admission && createMemberLeases(deps.admission);
	const updates = new Map<number, () => void>();
	const calls = new Map<number, (values: readonly object[]) => void>();

	const send = (message: ToWorker): void => {
		if (child.connected) child.send(message, () => undefined); // its exit tells of any fault
	};
	const gone = (): void => {
		if (isGone) return;
		isGone = true;
		isReady = false;
		for (const socket of given.values()) socket.destroy();
		for (const leave of served.values()) leave();
		served.clear();
		leases?.end();
		for (const resolve of updates.values()) resolve();
		for (const resolve of calls.values()) resolve([]);
		deps.onExit();
	};
	child.once('exit', gone);
	child.once('error', fault => {
		logger.error({ err: fault, worker: deps.number }, 'a worker could not be started');
		gone();
	});
	const records = child.stdio[4] as Duplex | undefined;
	if (records) receiveRecords(records, records, deps.audit);
	records?.on('error', () => undefined);

	child.on('message', (message: ToHome) => {
		switch (message.kind) {
			case 'ready':
				isReady = true;
				deps.onReady();
				break;
			case 'adopted':
				// Closes our handle of the connection alone.
				given.get(message.number)?.destroy();
				break;
			case 'closed':
				for (const number of message.numbers) {
					served.get(number)?.();
					served.delete(number);
				}
				break;
			case 'lease': {
				const grant = isGone ? undefined : leases?.lease(message.operator, message.unused);
				if (grant) send({ kind: 'granted', operator: message.operator, grant });
				break;
			}
			case 'give-back':
				if (!isGone) leases?.giveBack(message.operator, message.grant);
				break;
			case 'done':
				updates.get(message.number)?.();
				break;
			case 'metrics':
				calls.get(message.call)?.(message.values);
				break;
			default:
				deps.onMessage(message, send);
		}
	});
	try {
		send({ kind: 'start', config: deps.config });
	} catch (fault) {
		child.kill('SIGKILL'); // it would wait for ever
		throw fault;
	}

	/** Waits for what `send` asks, at most `ms` milliseconds; then `late` is called. */
	const answered = <T>(
		waiting: Map<number, (value: T) => void>,
		ask: (number: number) => void,
		ms: number,
		late: (resolve: (value: T) => void) => void,
	): Promise<T> =>
		new Promise(resolve => {
			lastNumber++;
			const number = lastNumber;
			const settle = (value: T): void => {
				cancel();
				waiting.delete(number);
				resolve(value);
			};
			const cancel = clock.after(ms, () => late(settle));
			waiting.set(number, settle);
			ask(number);
		});

	return {
		pid: child.pid,
		ready: () => isReady,
		give(door, socket, leave) {
			if (!isReady || !child.connected) return false;
			lastNumber++;
			const number = lastNumber;
			// Our handle is kept until the worker has its own: node:child_process would keep one for ever that was on its
			// way to a process that died, and its client would wait for ever.
			given.set(number, socket);
			served.set(number, leave);
			socket.once('close', () => given.delete(number));
			child.send(
				{ kind: 'connection', number, door } satisfies ToWorker,
				socket,
				{ keepOpen: true },
				fault => {
					if (!fault) return;
					socket.destroy();
					leave();
				},
			);
			return true;
		},
		async tell(update) {
			if (isGone) return;
			// Until it is ready it serves nobody, and what it is told comes before its first connection.
			if (!isReady) {
				lastNumber++;
				send({ kind: 'update', number: lastNumber, update });
				return;
			}
			await answered<void>(
				updates,
				number => send({ kind: 'update', number, update }),
				obedience,
				() => {
					logger.error({ worker: deps.number }, 'a worker does not take what changed: it is killed');
					child.kill('SIGKILL'); // its exit resolves the promise
				},
			);
		},
		async metrics() {
			if (!isReady) return [];
			return answered<readonly object[]>(
				calls,
				call => send({ kind: 'metrics', call }),
				1000,
				resolve => resolve([]),
			);
		},
		async close(graceMs) {
			if (isGone) return;
			send({ kind: 'close', graceMs });
			const cancel = clock.after(graceMs + 2000, () => void child.kill('SIGKILL'));
			await exited.catch(() => undefined);
			cancel();
		},
	};
}
