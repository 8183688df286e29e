import type { Transaction } from '../../common/store/store.ts';
import { provisionerErrors } from '../errors.ts';
import { type OpenOperation, type Operation, operations } from '../model/operation.ts';
import type { Kind } from './kind.ts';

/** What an operation is begun with. */
export type Wanted = Pick<Operation, 'kind' | 'project' | 'asker'> &
	Partial<Pick<Operation, 'image' | 'disk' | 'node' | 'input'>>;

/**
 * Journals an operation; the runner is to be woken when that is committed.
 * @throws InUse when one of its subjects is being worked on
 */
export async function begin(
	tx: Transaction,
	wanted: Wanted,
	{
		newId,
		now,
		firstStage,
	}: { readonly newId: () => string; readonly now: number; readonly firstStage: string },
): Promise<string> {
	const { image = null, disk = null, node = null, input = {} } = wanted;
	for (const subject of [image, disk, node && `node ${node}`]) {
		if (subject === null) continue;
		const where = { index: 'subject', equals: subject };
		const [busy] = await tx.list(operations, { where, limit: 1 });
		if (busy) throw provisionerErrors.InUse(`Operation ${busy.id} (${busy.document.kind}) is working on it.`);
	}
	const id = newId();
	await tx.insert(operations, id, {
		status: 'PENDING',
		...wanted,
		image,
		disk,
		node,
		input,
		output: {},
		stages: [{ name: firstStage, beganAt: now, endedAt: null }],
		progress: null,
		attempts: 0,
		error: null,
		note: null,
		revision: 0,
		askedAt: now,
		configuredAt: null,
	});
	return id;
}

/** Stage `at` is over: the next one begins, or the operation is done. */
export function advance(tx: Transaction, id: string, kind: Kind, at: number, now: number): Promise<void> {
	return change(tx, id, found => {
		// Cancelled meanwhile: what was done is undone with the rest.
		if (found.status !== 'PENDING') return found;
		const stages = found.stages.map((stage, index) => (index === at ? { ...stage, endedAt: now } : stage));
		const next = kind.stages[at + 1];
		const over = { ...found, ...clear };
		if (!next) return { ...over, stages, status: 'DONE', endedAt: now };
		return { ...over, stages: [...stages, { name: next.name, beganAt: now, endedAt: null }] };
	});
}

/** The last of `count` stages is undone. */
export function retreat(tx: Transaction, id: string, count: number, now: number): Promise<void> {
	return change(tx, id, found => {
		if (found.status !== 'UNDOING') return found;
		const stages = found.stages.slice(0, count - 1);
		const over = { ...found, ...clear, stages };
		return stages.length > 0 ? over : { ...over, status: 'FAILED', endedAt: now };
	});
}

export const recordProgress = (
	tx: Transaction,
	id: string,
	progress: NonNullable<Operation['progress']>,
): Promise<void> => change(tx, id, found => ({ ...found, progress }));

/** What the stage under way waits for; null: it goes on. */
export const recordNote = (tx: Transaction, id: string, note: string | null): Promise<void> =>
	change(tx, id, found => ({ ...found, note: note?.slice(0, 2000) ?? null }));

export const keepOutput = (tx: Transaction, id: string, output: Operation['output']): Promise<void> =>
	change(tx, id, found => ({ ...found, output: { ...found.output, ...output } }));

/** From now on it is undone. */
export const giveUp = (tx: Transaction, id: string, reason: string): Promise<void> =>
	change(tx, id, found => (found.status === 'UNDOING' ? found : undone(found, reason)));

/** Of a stage that is over: nothing that was told of it holds for the next. */
const clear = { progress: null, attempts: 0, error: null, note: null } as const;

const undone = (found: OpenOperation, reason: string): Operation => ({
	...found,
	...clear,
	status: 'UNDOING',
	reason,
	during: found.stages.at(-1)?.name ?? null,
});

/** Counts a fault; `givesUp` says whether it was one too many. Undoing never gives up. */
export async function recordTrouble(
	tx: Transaction,
	id: string,
	reason: string,
	givesUp: (operation: Pick<Operation, 'kind' | 'attempts'>) => boolean,
): Promise<{ readonly attempts: number; readonly isUndoing: boolean }> {
	let told = { attempts: 0, isUndoing: false };
	await change(tx, id, found => {
		const attempts = found.attempts + 1;
		const error = reason.slice(0, 2000);
		if (found.status === 'PENDING' && givesUp({ ...found, attempts })) {
			told = { attempts: 0, isUndoing: true };
			return undone(found, error);
		}
		told = { attempts, isUndoing: found.status === 'UNDOING' };
		return { ...found, attempts, error };
	});
	return told;
}

async function change(tx: Transaction, id: string, how: (found: OpenOperation) => Operation): Promise<void> {
	const found = await tx.get(operations, id);
	if (found?.status !== 'PENDING' && found?.status !== 'UNDOING') return;
	await tx.put(operations, id, { ...how(found), revision: found.revision + 1 });
}
