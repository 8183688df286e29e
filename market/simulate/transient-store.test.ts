import test from 'ava';
import fc from 'fast-check';
import { z } from 'zod';
import { createMemoryStore } from '../../common/store/memory-store.fixture.ts';
import { defineCollection, type Store, type Transaction } from '../../common/store/store.ts';
import { createTransientStore } from './transient-store.ts';

const things = defineCollection('things', z.strictObject({ n: z.int(), tags: z.array(z.string()) }), {
	n: ({ n }) => String(n),
	tag: ({ tags }) => tags,
});

const ids = fc.constantFrom('a', 'b', 'B', 'c/1', 'c/02', 'd');
const step = fc.oneof(
	fc.record({
		do: fc.constantFrom('put' as const, 'insert' as const),
		id: ids,
		n: fc.nat(3),
		tags: fc.uniqueArray(fc.constantFrom('x', 'y', 'z')),
	}),
	fc.record({ do: fc.constantFrom('delete' as const, 'fail' as const), id: ids }),
);

async function play(tx: Transaction, steps: readonly unknown[]): Promise<void> {
	for (const each of steps as readonly { do: string; id: string; n: number; tags: string[] }[]) {
		const { id, n, tags } = each;
		if (each.do === 'put') await tx.put(things, id, { n, tags });
		else if (each.do === 'insert') await tx.insert(things, id, { n, tags }).catch(() => undefined);
		else if (each.do === 'delete') await tx.delete(things, id);
		else throw new Error('the work fails');
	}
}

const look = (store: Store, after: string) =>
	store.read(async tx => ({
		all: await tx.list(things),
		page: await tx.list(things, { after, limit: 2 }),
		n: await tx.list(things, { where: { index: 'n', equals: '1' }, after, limit: 1 }),
		tagged: await tx.list(things, { where: { index: 'tag', equals: 'x' } }),
		count: await tx.count(things, { index: 'tag', equals: 'y' }),
		one: await tx.get(things, after),
	}));

test('does what the store of the tests does, whatever is written, and undoes what fails', async t => {
	await fc.assert(
		fc.asyncProperty(fc.array(fc.tuple(fc.array(step, { maxLength: 6 }), ids)), async script => {
			const [ours, theirs] = [createTransientStore(), createMemoryStore()];
			for (const [steps, after] of script) {
				for (const store of [ours, theirs])
					await store.transact(tx => play(tx, steps)).catch(() => undefined);
				t.deepEqual(await look(ours, after), await look(theirs, after));
			}
		}),
		{ numRuns: 60 },
	);
});
