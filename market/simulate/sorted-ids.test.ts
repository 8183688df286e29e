import test from 'ava';
import { createRandom } from './demand.ts';
import { SortedIds } from './sorted-ids.ts';

test('thousands of ids come and go, and are always in order', t => {
	const random = createRandom('ids');
	const ids = new SortedIds();
	const theirs = new Set<string>();
	for (let n = 0; n < 20_000; n++) {
		const id = String(Math.floor(random() * 4000));
		// First more come than go, then the other way round.
		if (random() < (n < 10_000 ? 0.8 : 0.2)) {
			ids.add(id);
			theirs.add(id);
		} else {
			ids.delete(id);
			theirs.delete(id);
		}
		if (n % 500 !== 0) continue;
		const sorted = [...theirs].sort();
		t.deepEqual(ids.list(undefined), sorted);
		t.is(ids.size, sorted.length);
		const after = String(Math.floor(random() * 4000));
		const [from, limit] = [sorted.filter(each => each > after), Math.floor(random() * 1500)];
		t.deepEqual(ids.list(after), from);
		t.deepEqual(ids.list(after, limit), from.slice(0, limit));
	}
	for (const id of theirs) ids.delete(id);
	t.deepEqual(ids.list(undefined), []);
	t.deepEqual(ids.list('x'), []);
});
