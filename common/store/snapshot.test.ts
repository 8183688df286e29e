import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { z } from 'zod';
import { openStore } from './open-store.ts';
import { defineCollection } from './store.ts';

const counters = defineCollection('counters', z.strictObject({ n: z.int() }), {
	parity: ({ n }) => (n % 2 ? 'odd' : 'even'),
});

for (const engine of ['lowdb', 'sqlite'] as const) {
	test(`${engine}: a snapshot is one moment of a store that others go on writing to`, async t => {
		const folder = await mkdtemp(join(tmpdir(), 'bimetal-snapshot-'));
		t.teardown(() => rm(folder, { recursive: true }));
		const store = await openStore({ engine, file: join(folder, 'store') });
		const step = (n: number) =>
			store.transact(async tx => {
				await tx.put(counters, 'left', { n });
				await tx.put(counters, 'right', { n });
			});
		await step(0);
		const writing = Array.from({ length: 40 }, (_, n) => step(n + 1));
		await writing[4];
		const copy = join(folder, 'copy');
		await store.snapshot(copy);
		await Promise.all(writing);
		t.is(((await stat(copy)).mode & 0o777).toString(8), '600');
		await t.throwsAsync(store.snapshot(copy), undefined, 'nothing is overwritten');
		t.is((await store.read(tx => tx.get(counters, 'left')))?.n, 40);
		await store.close();
		await t.throwsAsync(store.snapshot(join(folder, 'late')), { code: 'StoreClosed' });

		const opened = await openStore({ engine, file: copy });
		const [left, right] = await opened.read(async tx => [
			await tx.get(counters, 'left'),
			await tx.get(counters, 'right'),
		]);
		t.deepEqual(left, right);
		t.true((left?.n ?? 0) >= 5);
		const parity = (left?.n ?? 0) % 2 ? 'odd' : 'even';
		t.is(await opened.read(tx => tx.count(counters, { index: 'parity', equals: parity })), 2);
		await opened.close();
	});
}
