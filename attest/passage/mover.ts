import { backOff } from '../../common/back-off.ts';
import type { Clock } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import { createWoken, type Woken } from '../../common/woken.ts';
import { type Passage, passages } from '../model/passage.ts';
import type { createChores } from './chores.ts';
import { moveOn, noteOf } from './journal.ts';
import { isCode, type NodeAtHil } from './node-at-hil.ts';
import { admit, endAdmissionOf, giveUp, reserveNetwork } from './passages.ts';
import { type AirlockSettings, stageAfter } from './settings.ts';
import type { createSteps, Next } from './steps.ts';

export interface MoverDeps {
	readonly store: Store;
	readonly hil: Pick<NodeAtHil, 'nodesOf'>;
	readonly settings: AirlockSettings;
	readonly steps: ReturnType<typeof createSteps>;
	readonly chores: ReturnType<typeof createChores>;
	readonly newId: () => string;
	readonly clock: Clock;
	/** Between 0 and 1. */
	readonly random: () => number;
	readonly logger: Logger;
	/** A passage has got on: whoever waits for that, or must be told of it, is woken. */
	readonly onChange: (id: string) => void;
}

export interface Mover extends Woken {
	/** Throws, naming the node, while one cannot be cut off. */
	check(): void;
}

/** Milliseconds between two looks at the journal, and at whose the nodes are that are in. */
const [pace, ownersEvery] = [500, 10_000];
/** Milliseconds that a fault is given to pass: what is to come off a network is tried again sooner. */
const [patience, impatience] = [10_000, 2000];
/** Refusals of hil's, one after another, after which a passage comes to nothing. */
const mostRefusals = 6;
const allTaken = 'every network of the airlock has a node: it waits for one';

/**
 * Carries passages out, step by step; all that is known of one stands in the store. It looks there by itself: an admission
 * that comes to its end, in whichever process, takes its node off by the same transaction.
 */
export function createMover(deps: MoverDeps): Mover {
	const { store, hil, settings, steps, chores, clock, random, logger, onChange } = deps;
	const running = new Map<string, Promise<void>>();
	/** By passage, when it is to be looked at again; in time elapsed. */
	const due = new Map<string, number>();
	/** By passage, what is in the way of taking its node off a network. */
	const stuck = new Map<string, string>();
	let isClosed = false;
	let ownersAt = Number.NEGATIVE_INFINITY;

	const looking = createWoken(clock, async () => {
		try {
			const where = { index: 'active', equals: 'yes' };
			const active = await store.read(tx => tx.list(passages, { where }));
			const ids = new Set(active.map(({ id }) => id));
			for (const id of due.keys()) if (!ids.has(id)) due.delete(id);
			for (const { id, document } of active) if (isDue(id, document)) begin(id);
			if (clock.elapsed() - ownersAt >= ownersEvery) {
				ownersAt = clock.elapsed();
				await noteLeft();
			}
		} catch (err) {
			logger.error({ err }, 'passages cannot be looked at; it is tried again');
		}
		const next = Math.min(...due.values()) - clock.elapsed();
		return Math.max(1, Math.min(pace, next));
	});

	/** Whatever a passage was at, it is looked at at once when its node is to come off a network. */
	const phases = new Map<string, string>();
	function isDue(id: string, { state }: Passage): boolean {
		const isNew = phases.get(id) !== state;
		phases.set(id, state);
		return isNew || (due.get(id) ?? 0) <= clock.elapsed();
	}

	function begin(id: string): void {
		if (running.has(id) || isClosed) return;
		const work = run(id).finally(() => {
			running.delete(id);
			looking.wake();
		});
		running.set(id, work);
	}

	async function run(id: string): Promise<void> {
		due.delete(id);
		for (let ms: number | undefined = 0; ms === 0 && !isClosed; ) {
			const passage = await store.read(tx => tx.get(passages, id)).catch(() => undefined);
			if (!passage) return;
			try {
				ms = await step(id, passage);
			} catch (fault) {
				ms = await trouble(id, passage, fault);
			}
			if (ms === undefined) phases.delete(id);
			else if (ms > 0) due.set(id, clock.elapsed() + ms);
		}
	}

	/** Milliseconds after which to go on; undefined: there is nothing to do. */
	async function step(id: string, passage: Passage): Promise<number | undefined> {
		const next = await steps.take(id, passage);
		if (!next) return doChores(id, passage);
		if (next.kind === 'wait') return next.ms;
		if (next.kind === 'reserve') return reserve(id, passage);
		await store.transact(async tx => {
			const now = clock.now();
			switch (next.kind) {
				case 'event':
					await moveOn(tx, id, next.event, now);
					if (next.event.kind === 'left') await endAdmissionOf(tx, id, now);
					break;
				case 'give-up':
					await giveUp(tx, id, next.cause, now);
					break;
				case 'admit': {
					const stage = stageAfter(passage, 'airlock', settings);
					await admit(tx, id, { stage, airlock: settings.project, newId: deps.newId, now });
					break;
				}
				case 'note':
					await noteOf(tx, id, passage, next.notes);
					break;
				default:
					next satisfies never;
			}
		});
		if (next.kind === 'event' && next.event.kind === 'off') stuck.delete(id);
		tell(id, passage, next);
		return 0;
	}

	async function reserve(id: string, passage: Passage): Promise<number> {
		const isFree = await store.transact(async tx => {
			if (await reserveNetwork(tx, id, settings.networks)) return true;
			if (passage.trouble !== allTaken) await noteOf(tx, id, passage, { trouble: allTaken, attempts: 1 });
			return false;
		});
		onChange(id);
		return isFree ? 0 : 1000;
	}

	function tell(
		id: string,
		{ node, project, ...of }: Passage,
		next: Exclude<Next, { kind: 'wait' | 'reserve' }>,
	): void {
		onChange(id);
		const told = { passage: id, node, project };
		if (next.kind === 'event' && next.event.kind !== 'stage')
			logger.info({ ...told, cause: 'cause' in of ? of.cause : undefined }, `a node is ${next.event.kind}`);
		if (next.kind === 'give-up') logger.warn({ ...told, cause: next.cause }, 'a passage comes to nothing');
	}

	async function doChores(id: string, passage: Passage): Promise<number | undefined> {
		const [chore] = passage.chores;
		if (chore === undefined) return undefined;
		if (!(await chores(passage, chore))) return 1000;
		await store.transact(async tx => {
			const found = await tx.get(passages, id);
			// One that was taken off meanwhile has others.
			if (found)
				await noteOf(tx, id, passage, { chores: found.chores.filter(each => each !== chore), ...clear });
		});
		onChange(id);
		return 0;
	}

	/** Writes down what went wrong; milliseconds after which it is tried again. */
	async function trouble(id: string, passage: Passage, fault: unknown): Promise<number> {
		const reason = fault instanceof Error ? fault.message : String(fault);
		const attempts = passage.attempts + 1;
		const isLeaving = passage.state === 'cutting' || passage.state === 'rejecting';
		logger.warn({ passage: id, node: passage.node, err: fault, attempts }, 'a passage met a fault');
		if (isLeaving)
			stuck.set(id, `node ${passage.node} is not off its networks, or not put away yet: ${reason}`);
		try {
			await store.transact(async tx => {
				if (passage.state === 'passing' && isFinal(fault, attempts))
					return giveUp(tx, id, { code: codeOf(fault), reason }, clock.now());
				const waits = steps.endsWaiting(fault) ? null : passage.waits;
				await noteOf(tx, id, passage, { trouble: reason.slice(0, 2000), attempts, waits });
			});
			onChange(id);
		} catch (err) {
			logger.error({ err, passage: id }, 'what a passage met could not be written down');
		}
		return Math.min(isLeaving ? impatience : patience, backOff(attempts, random));
	}

	/** Nodes that are in and whose project has them no longer: hil has cleared them. */
	async function noteLeft(): Promise<void> {
		const where = { index: 'state', equals: 'inside' };
		const inside = await store.read(tx => tx.list(passages, { where }));
		const projects = new Set(inside.map(({ document }) => document.project));
		for (const project of projects) {
			const nodes = await hil.nodesOf(project).catch((err: unknown) => {
				logger.warn({ err, project }, 'hil cannot be asked for the nodes of a project; it is tried again');
			});
			if (!nodes) continue;
			const kept = new Set(nodes);
			for (const { id, document } of inside) {
				if (document.project !== project || kept.has(document.node)) continue;
				await store.transact(async tx => {
					await moveOn(tx, id, { kind: 'left' }, clock.now());
					await endAdmissionOf(tx, id, clock.now());
				});
				onChange(id);
				looking.wake();
			}
		}
	}

	const idle = async (): Promise<void> => {
		await looking.idle();
		while (running.size > 0) {
			await Promise.all(running.values());
			await looking.idle();
		}
	};
	return {
		wake: looking.wake,
		idle,
		async close() {
			isClosed = true;
			await looking.close();
			await Promise.all(running.values());
		},
		check() {
			const [first] = stuck.values();
			if (first !== undefined) throw new Error(first);
		},
	};
}

/** Of what is over: nothing that went wrong there holds for what comes next. */
const clear = { trouble: null, attempts: 0 } as const;

const codeOf = (fault: unknown): string => (fault instanceof BimetalError ? fault.code : 'Failed');

/** Whether trying again would come to the same. */
function isFinal(fault: unknown, attempts: number): boolean {
	if (isCode(fault, 'ChangeUndone', 'NotApproved', 'BootFailed')) return true;
	if (isCode(fault, 'BadArgumentError', 'ProjectMismatchError')) return true;
	const isRefusal = fault instanceof BimetalError && fault.status >= 400 && fault.status < 500;
	return isRefusal && attempts >= mostRefusals;
}
