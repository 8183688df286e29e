import type { Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { BmcConnection } from '../forward/bmc-connection.ts';
import type { Admission } from '../limits/admission.ts';
import { openHomeSocket } from './home-socket.ts';
import { type Member, startMember } from './member.ts';
import type { ToHome, ToWorker, Update, WorkerConfig, WorkerState } from './message.ts';

export interface CrewDeps {
	/** Workers. */
	readonly size: number;
	readonly config: Omit<WorkerConfig, 'socket' | 'state'>;
	/** What workers must know, at this moment. */
	readonly state: () => WorkerState;
	readonly audit: Pick<AuditLog, 'append' | 'healthy'>;
	readonly bmcs: ReadonlyMap<string, BmcConnection>;
	readonly touch: (session: string) => void;
	/** The whole machine's allowances; undefined where there are none. */
	readonly admission: Pick<Admission, 'lease' | 'giveBack'> | undefined;
	readonly clock: Clock;
	readonly logger: Logger;
	readonly registry: Registry;
}

/** The worker processes of a proxy: this process is their home. */
export interface Crew {
	/**
	 * Gives a connection of a port to the next worker; false when there is none. `leave` is called when it is no more,
	 * once it was given.
	 */
	give(door: string, socket: Socket, leave: () => void): boolean;
	/** Takes what workers hand over of a port to the server that would serve it here. */
	serve(door: string, server: TlsServer): void;
	/** Resolves once it is in force in every worker. Never rejects. */
	tell(update: Update): Promise<void>;
	metrics(): Promise<readonly (readonly object[])[]>;
	/** Process ids of those that serve. */
	serving(): readonly number[];
	/** Throws when a worker is out. */
	check(): void;
	/** Lets answers under way end, for `graceMs` milliseconds at most, and ends all workers. */
	close(graceMs: number): Promise<void>;
}

/** Milliseconds. */
const backOff = { first: 100, longest: 10_000, forgottenAfter: 60_000 };

/** Starts the workers and resolves when all of them serve; rejects, with none left, when one does not start. */
export async function startCrew(deps: CrewDeps): Promise<Crew> {
	const { clock, logger } = deps;
	const doors = new Map<string, TlsServer>();
	const handedOver = countWork(deps.registry, () => serving().length);
	const home = await openHomeSocket(door => doors.get(door), handedOver, logger);
	const members = new Map<number, Member>();
	const serving = (): number[] =>
		[...members.values()].flatMap(({ ready, pid }) => (ready() && pid !== undefined ? [pid] : []));
	let closing = false;
	const cancels = new Set<() => void>();
	let next = 0;

	const onMessage = (message: ToHome, answer: (message: ToWorker) => void): void => {
		switch (message.kind) {
			case 'touched':
				for (const id of message.sessions) deps.touch(id);
				break;
			case 'bmc-state':
				deps.bmcs.get(message.bmc)?.noteState(message.state);
				break;
			case 'token': {
				const { call, bmc, refused } = message;
				const found = deps.bmcs.get(bmc)?.token(refused) ?? Promise.reject(new Error('no such BMC'));
				found.then(
					token => answer({ kind: 'token', call, token }),
					fault => answer({ kind: 'token', call, fault: (fault as Error).message }),
				);
				break;
			}
			case 'log':
				relog(logger, message.line);
		}
	};

	const start = (number: number, delay: number): Promise<void> =>
		new Promise((resolve, reject) => {
			const began = clock.now();
			let isReady = false;
			const member = startMember({
				number,
				config: { ...deps.config, socket: home.path, state: deps.state() },
				audit: deps.audit,
				admission: deps.admission,
				onMessage,
				onReady() {
					isReady = true;
					resolve();
				},
				onExit() {
					members.delete(number);
					reject(new Error(`worker ${number} did not start`));
					if (closing) return;
					const calm = isReady && clock.now() - began > backOff.forgottenAfter;
					const wait = calm ? backOff.first : delay;
					logger.error(
						{ worker: number, pid: member.pid, restartInMs: wait },
						'a worker ended; it is started again',
					);
					const cancel = clock.after(wait, () => {
						cancels.delete(cancel);
						start(number, Math.min(wait * 2, backOff.longest)).catch(() => undefined);
					});
					cancels.add(cancel);
				},
				clock,
				logger,
			});
			members.set(number, member);
		});

	const close = async (graceMs: number): Promise<void> => {
		closing = true;
		for (const cancel of cancels) cancel();
		await Promise.all([...members.values()].map(member => member.close(graceMs)));
		await home.close();
	};
	try {
		await Promise.all(Array.from({ length: deps.size }, (_, i) => start(i + 1, backOff.first)));
	} catch (fault) {
		await close(0);
		throw fault;
	}

	const give = (door: string, socket: Socket, leave: () => void): boolean => {
		for (let tried = 0; tried < deps.size; tried++) {
			next = (next % deps.size) + 1;
			if (members.get(next)?.give(door, socket, leave)) return true;
		}
		return false;
	};
	const missing = (): number[] =>
		Array.from({ length: deps.size }, (_, i) => i + 1).filter(number => !members.get(number)?.ready());
	return {
		give,
		serve: (door, server) => void doors.set(door, server),
		async tell(update) {
			await Promise.all([...members.values()].map(member => member.tell(update)));
		},
		metrics: () => Promise.all([...members.values()].map(member => member.metrics())),
		serving,
		check() {
			const out = missing();
			if (out.length > 0) throw new Error(`out and being started again: worker ${out.join(', ')}`);
		},
		close,
	};
}

/** A worker's line as home's own: its secrets were taken out where it was written. */
function relog(logger: Logger, line: string): void {
	const {
		level,
		msg,
		time: _time,
		service: _service,
		...fields
	} = JSON.parse(line) as Record<string, unknown>;
	const method = level === 'debug' || level === 'warn' || level === 'error' ? level : 'info';
	logger[method](fields, String(msg));
}

/** Returns what to call for each request that a worker hands over. */
function countWork(registry: Registry, serving: () => number): () => void {
	new Gauge({
		name: 'bimetal_workers',
		help: 'Worker processes that serve',
		registers: [registry],
		collect() {
			this.set(serving());
		},
	});
	const handedOver = new Counter({
		name: 'bimetal_handed_over_total',
		help: 'Requests that workers have handed over to their home',
		registers: [registry],
	});
	return () => handedOver.inc();
}
