import type { Transaction } from '../../common/store/store.ts';
import type { Admission } from '../model/admission.ts';
import {
	type Chore,
	isOver,
	type Passage,
	type PassageCause,
	type PassageState,
	passages,
	type Stage,
} from '../model/passage.ts';
import { notePassage } from '../verifier/notices.ts';

/** Steps of which it is kept when they were taken. */
const mostHistory = 200;

/** What a passage is at: its stage while it passes, its state otherwise. */
const phaseOf = (passage: Passage): Stage | PassageState =>
	passage.state === 'passing' ? passage.stage : passage.state;

/** What a passage has in every state. */
type Base = Omit<Extract<Passage, { state: 'inside' }>, 'state' | 'since'>;

/** What happens to a passage. */
export type PassageEvent =
	| { readonly kind: 'stage'; readonly stage: Stage }
	| { readonly kind: 'inside'; readonly chores: readonly Chore[] }
	/** Off: cut off, into the rejected pool, or back. */
	| { readonly kind: 'cutting' | 'rejecting' | 'returning'; readonly cause: PassageCause }
	/** That is done. */
	| { readonly kind: 'off' }
	/** The node is its project's no longer. */
	| { readonly kind: 'left' };

const ends = { cutting: 'cut', rejecting: 'rejected', returning: 'returned' } as const;

/**
 * A passage after an event; the same object where the event comes too late to mean anything. Whatever takes a node off is
 * never turned round.
 * @param now milliseconds since the epoch
 */
export function nextPassage(passage: Passage, event: PassageEvent, now: number): Passage {
	const { state } = passage;
	if (isOver(passage)) return passage;
	const base: Base & Partial<Record<'stage' | 'since' | 'cause', unknown>> = { ...passage };
	for (const own of ['stage', 'since', 'cause'] as const) delete base[own];
	const { disk, operation } = passage;
	const tidy: Chore[] = disk === null && operation === null ? [] : ['tidy'];
	switch (event.kind) {
		case 'stage':
			return state === 'passing' ? { ...base, state, stage: event.stage } : passage;
		case 'inside':
			if (state !== 'passing') return passage;
			return { ...base, state: 'inside', since: now, chores: [...event.chores, ...tidy] };
		case 'cutting':
			return state === 'inside' ? { ...base, state: event.kind, cause: event.cause, chores: tidy } : passage;
		case 'rejecting':
		case 'returning':
			return state === 'passing' ? { ...base, state: event.kind, cause: event.cause } : passage;
		case 'off': {
			if (!('cause' in passage)) return passage;
			const { cause } = passage;
			const own = { cutting: 'unattested', rejecting: 'reason', returning: 'lease' } as const;
			const chores: Chore[] = [own[passage.state], ...tidy];
			return { ...base, state: ends[passage.state], cause, chores, endedAt: now };
		}
		case 'left':
			return { ...base, state: 'left', chores: tidy, endedAt: now };
		default:
			return event satisfies never;
	}
}

/** Writes what has become of a passage, and tells those who must hear of it, in one transaction. */
export async function moveOn(tx: Transaction, id: string, event: PassageEvent, now: number): Promise<void> {
	const before = await tx.get(passages, id);
	if (!before) return;
	const after = nextPassage(before, event, now);
	if (after === before) return;
	const history = [...after.history, { at: now, what: phaseOf(after) }].slice(-mostHistory);
	const fresh = { waits: null, trouble: null, attempts: 0, history, revision: before.revision + 1 };
	const written = { ...after, ...fresh };
	await tx.put(passages, id, written);
	switch (written.state) {
		case 'inside':
		case 'cut':
		case 'rejected':
		case 'returned':
			await notePassage(tx, id, written, now);
			break;
		default:
	}
}

export type Notes = Partial<
	Pick<Passage, 'waits' | 'trouble' | 'attempts' | 'operation' | 'disk' | 'admission' | 'chores'>
>;

/** Writes something down about a passage that is still where it was. */
export async function noteOf(tx: Transaction, id: string, seen: Passage, notes: Notes): Promise<void> {
	const found = await tx.get(passages, id);
	if (!found || phaseOf(found) !== phaseOf(seen)) return;
	await tx.put(passages, id, { ...found, ...notes, revision: found.revision + 1 });
}

/** An admission has come to its end: its node is taken off, from this very transaction on. */
export async function endPassageOf(
	tx: Transaction,
	admission: string,
	{ state, ...of }: Admission,
	now: number,
): Promise<void> {
	const where = { index: 'admission', equals: admission };
	const [found] = await tx.list(passages, { where, limit: 1 });
	if (!found) return;
	const cause = 'cause' in of ? of.cause : { code: 'Ended', reason: `the admission is ${state}` };
	await moveOn(tx, found.id, { kind: whereTo(found.document, cause), cause }, now);
}

/** Who is refused goes to the rejected pool. Who was only cut off by our own taking its network away does not. */
function whereTo(passage: Passage, { code }: PassageCause): 'cutting' | 'rejecting' | 'returning' {
	if (passage.state !== 'passing') return 'cutting';
	const isOurs = code === 'Silent' && (passage.stage === 'part' || passage.stage === 'enter');
	return code === 'Ended' || isOurs ? 'returning' : 'rejecting';
}
