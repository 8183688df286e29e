// Properties of what can become of a passage, over seeded sequences of everything that can happen to one.
import test from 'ava';
import { createMemoryStore } from '../../common/store/memory-store.fixture.ts';
import { isOver, type Passage, passages, stage } from '../model/passage.ts';
import { nextPassage, noteOf, type PassageEvent } from './journal.ts';
import { somePassage } from './passage.fixture.ts';

const cause = { code: 'PcrNotAllowed', reason: 'PCR 4' };
const events: readonly PassageEvent[] = [
	...stage.options.map(each => ({ kind: 'stage', stage: each }) as const),
	{ kind: 'inside', chores: ['attested'] },
	...(['cutting', 'rejecting', 'returning'] as const).map(kind => ({ kind, cause })),
	{ kind: 'off' },
	{ kind: 'left' },
];

/** Numbers below 1 that are the same each time; Numerical Recipes' generator. */
function seeded(seed: number): () => number {
	let state = seed;
	return () => {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		return state / 2 ** 32;
	};
}

test('who is on its way out stays so, who is in was on its way, and what is over changes no more', t => {
	const random = seeded(7);
	const ends = new Set<string>();
	for (let run = 0; run < 2000; run++) {
		let passage: Passage = somePassage();
		for (let step = 0; step < 12; step++) {
			const event = events[Math.floor(random() * events.length)] ?? events[0];
			if (!event) return t.fail();
			const after = nextPassage(passage, event, step);
			t.deepEqual(passages.schema.parse(after), after);
			if (isOver(passage)) t.is(after, passage);
			const isLeaving = ['cutting', 'rejecting', 'returning'].includes(passage.state);
			if (isLeaving && after !== passage) t.true(isOver(after), `${passage.state} to ${after.state}`);
			if (after.state === 'inside' && passage.state !== 'inside') t.is(passage.state, 'passing');
			if (after.state === 'cutting') t.true(['inside', 'cutting'].includes(passage.state));
			passage = after;
		}
		ends.add(passage.state);
	}
	for (const end of ['cut', 'rejected', 'returned', 'left']) t.true(ends.has(end), end);
});

test('what was found out about a passage that has moved on is not written into it', async t => {
	const store = createMemoryStore();
	const seen = somePassage();
	await store.transact(tx => tx.insert(passages, 'p', nextPassage(seen, { kind: 'rejecting', cause }, 1)));
	await store.transact(tx => noteOf(tx, 'p', seen, { waits: { kind: 'change', id: 'c', note: '' } }));
	t.like(await store.read(tx => tx.get(passages, 'p')), { state: 'rejecting', waits: null });
});
