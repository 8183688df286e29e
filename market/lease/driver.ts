import { backOff } from '../../common/back-off.ts';
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import { createAgenda } from '../agenda.ts';
import { type Culprit, withObstacle } from './delay.ts';
import { DeliveryRefused, type Fulfilment, type Handover } from './fulfilment.ts';
import { type Lease, type LeasedServer, leases } from './lease.ts';
import { handOver, heldBy, inTheWay, takeBack } from './let-on.ts';
import { change, mustFindLease } from './records.ts';
import { subleasesOf } from './sublease.ts';
import { beginLease, deliverLease, endLease, failLease, takeBackServers } from './turning-points.ts';

export interface LeaseDriverDeps {
	readonly store: Store;
	readonly fulfilment: Fulfilment;
	/** Seconds that a lease's delivery is tried for before it has failed. */
	readonly patience: number;
	readonly clock: Clock;
	readonly random: () => number;
	readonly logger: Logger;
	/** These servers may be free sooner than they were to be. */
	readonly onFreed: (servers: readonly string[]) => void;
	/** Something was written. */
	readonly onChange: () => void;
}

export interface LeaseDriver {
	/** Takes up every lease that is not over. */
	start(): Promise<void>;
	/** A lease was made or changed. */
	wake(id: string): void;
	/** Resolves when nothing is under way; what has a time of its own still comes. */
	idle(): Promise<void>;
	/** Lets what is under way end; nothing begins from then on. */
	close(): Promise<void>;
}

/**
 * Takes leases through their states, to the second: hands servers over when a lease begins and takes them back when it ends,
 * again and again until it has come to pass. What it does next follows from the record alone, so it goes on after a restart.
 */
export function createLeaseDriver(deps: LeaseDriverDeps): LeaseDriver {
	const { store, fulfilment, patience, clock, random, logger, onFreed, onChange } = deps;
	const running = new Map<string, Promise<void>>();
	const wanted = new Set<string>();
	const failures = new Map<string, number>();
	/** Leases that wait for servers which others have not given back, or have not got. */
	const blocked = new Set<string>();
	const closing = new AbortController();
	const { signal } = closing;
	const agenda = createAgenda(clock, wake);
	const second = (): number => Math.floor(clock.now() / 1000);

	function wake(id: string): void {
		if (signal.aborted) return;
		wanted.add(id);
		if (running.has(id)) return;
		const run = advance(id).finally(() => {
			running.delete(id);
			if (wanted.has(id)) wake(id);
		});
		running.set(id, run);
	}

	async function advance(id: string): Promise<void> {
		while (wanted.delete(id) && !signal.aborted) {
			try {
				const next = await step(id);
				if (next === 'again') wanted.add(id);
				else if (next !== undefined) agenda.set(id, next);
			} catch (fault) {
				logger.warn({ lease: id, err: fault }, 'a lease does not get on; it is tried again');
				retry(id);
			}
		}
	}

	/** Work that is told to end at a second, or when nothing is to begin any more. */
	async function within(until: number, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
		const over = new AbortController();
		const cancel = clock.after(Math.max(0, until * 1000 - clock.now()), () => over.abort());
		try {
			await work(AbortSignal.any([signal, over.signal]));
		} finally {
			cancel();
		}
	}

	/** `until`: the second at which it is looked at in any case. */
	function retry(id: string, until = Number.MAX_SAFE_INTEGER): void {
		const failed = (failures.get(id) ?? 0) + 1;
		failures.set(id, failed);
		agenda.set(id, Math.min(clock.now() + backOff(failed, random), until * 1000));
	}

	/** One step on; what is to come after it: at once, at a time (milliseconds), or nothing. */
	async function step(id: string): Promise<'again' | number | undefined> {
		const { lease, obstacle, below } = await store.read(async tx => {
			const found = await mustFindLease(tx, id);
			return {
				lease: found,
				obstacle: found.state === 'starting' ? await inTheWay(tx, id, found) : undefined,
				below: await subleasesOf(tx, id),
			};
		});
		// Whatever has come to pass with it may be what they wait for, or their end.
		for (const each of below) wake(each.id);
		const now = second();
		switch (lease.state) {
			case 'reserved':
				if (lease.servers.every(({ isBack }) => isBack)) return write(tx => failLease(tx, id, now));
				if (now < lease.start) return lease.start * 1000;
				return write(tx => beginLease(tx, id, now));
			case 'starting': {
				if (now >= Math.min(lease.end, lease.start + patience)) return write(tx => failLease(tx, id, now));
				if (obstacle !== undefined) {
					blocked.add(id);
					// It may have come back while it was looked for.
					if ((await store.read(tx => inTheWay(tx, id, lease))) === undefined) return 'again';
					return stuck(id, obstacle.why, { by: obstacle.by });
				}
				blocked.delete(id);
				const until = Math.min(lease.end, lease.start + patience);
				const handedOver = within(until, own => handOver(fulfilment, { id, lease }, own));
				return attempt({ id, lease }, handedOver, tx => deliverLease(tx, id, second()));
			}
			case 'active': {
				if (now >= lease.end) {
					await write(tx => endLease(tx, id, now));
					onFreed(lease.servers.map(({ server }) => server));
					return 'again';
				}
				const due = lease.servers.filter(({ until, isBack }) => until <= now && !isBack);
				if (due.length > 0) return bringBack(id, lease, due);
				return Math.min(...lease.servers.filter(({ isBack }) => !isBack).map(({ until }) => until)) * 1000;
			}
			case 'ending':
			case 'failing':
				return bringBack(
					id,
					lease,
					lease.servers.filter(({ isBack }) => !isBack),
				);
			case 'over':
			case 'cancelled':
			case 'failed':
				failures.delete(id);
				blocked.delete(id);
				return undefined;
			default:
				return lease.state satisfies never;
		}
	}

	async function write(work: Parameters<Store['transact']>[0]): Promise<'again'> {
		await store.transact(work);
		onChange();
		return 'again';
	}

	async function bringBack(
		id: string,
		lease: Lease,
		due: readonly LeasedServer[],
	): Promise<'again' | undefined> {
		const names = due.map(({ server }) => server);
		const leftOf = (upper: Handover) => store.read(tx => heldBy(tx, upper, second()));
		const taken = takeBack(fulfilment, { id, project: lease.project, due }, leftOf, signal);
		const next = await attempt({ id, lease }, taken, tx => takeBackServers(tx, id, names, second()));
		if (next === 'again') {
			onFreed(names);
			for (const each of blocked) wake(each);
		}
		return next;
	}

	/** What is done outside, and then recorded; when it fails, why it did is recorded, and it is tried later. */
	async function attempt(
		{ id, lease }: { readonly id: string; readonly lease: Lease },
		work: Promise<void>,
		record: Parameters<Store['transact']>[0],
	): Promise<'again' | undefined> {
		try {
			await work;
		} catch (fault) {
			if (signal.aborted) return undefined;
			const why = fault instanceof Error ? fault.message : String(fault);
			return stuck(id, why, culpritOf(lease, fault));
		}
		failures.delete(id);
		return write(record);
	}

	/** `culprit`: whose doing it is that a delivery does not get on. */
	async function stuck(id: string, why: string, culprit: Culprit): Promise<undefined> {
		const problem = why.slice(0, 500);
		logger.warn({ lease: id, problem }, 'a lease does not get on; it is tried again');
		const until = await store.transact(async tx => {
			const found = await mustFindLease(tx, id);
			const now = second();
			const seen = found.state === 'starting' ? withObstacle(found, culprit, now) : found;
			if (found.problem !== problem) await change(tx, id, { ...seen, problem }, now, 'lease.problem');
			else if (seen !== found) await tx.put(leases, id, seen);
			return found.state === 'starting' ? Math.min(found.end, found.start + patience) : undefined;
		});
		onChange();
		retry(id, until);
	}

	const idle = async (): Promise<void> => {
		while (running.size > 0) await Promise.all(running.values());
	};
	return {
		async start() {
			const open = { where: { index: 'open', equals: 'yes' } };
			for (const { id } of await store.read(tx => tx.list(leases, open))) wake(id);
		},
		wake,
		idle,
		async close() {
			closing.abort();
			agenda.close();
			await idle();
		},
	};
}

/** The project that answers for a fault. */
function culpritOf({ project, servers }: Lease, fault: unknown): Culprit {
	if (!(fault instanceof DeliveryRefused)) return { by: null };
	const { doing } = fault;
	if (doing === 'nobody') return { by: null };
	if (doing === 'project') return { by: project };
	if (doing === 'policy') return { by: project, isBounded: true };
	return { by: servers.find(({ server }) => server === doing.server)?.owner ?? null };
}
