import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { chooseSeed } from '../../test/properties/seed.ts';
import { written } from './kill-collection.fixture.ts';
import { acknowledgedBeforeKill, random } from './killed-process.fixture.ts';
import { openStore } from './open-store.ts';

const child = fileURLToPath(new URL('kill-child.fixture.ts', import.meta.url));
const rounds = 4;

for (const engine of ['lowdb', 'sqlite'] as const) {
	test(`${engine}: what was acknowledged before a SIGKILL is there, whole`, async t => {
		const seed = chooseSeed(process.env.BIMETAL_TEST_SEED);
		t.log(`seed ${seed}`);
		const next = random(seed);
		const folder = await mkdtemp(join(tmpdir(), 'bimetal-kill-'));
		const file = join(folder, 'store');
		const acknowledged: string[] = [];
		try {
			for (let round = 0; round < rounds; round++) {
				const [enough, turns] = [1 + Math.floor(next() * 40), Math.floor(next() * 2000)];
				const some = await acknowledgedBeforeKill(child, [engine, file, String(round)], enough, turns);
				t.true(some.length >= enough);
				acknowledged.push(...some);

				const store = await openStore({ engine, file });
				const all = await store.read(tx => tx.list(written));
				const halves = await Promise.all(
					['first', 'second'].map(equals => store.read(tx => tx.count(written, { index: 'half', equals }))),
				);
				await store.close();
				const ids = new Set(all.map(({ id }) => id));
				t.deepEqual(
					acknowledged.filter(id => !ids.has(id) || !ids.has(`${id}-twin`)),
					[],
				);
				t.deepEqual(
					[...ids].filter(id => !id.endsWith('-twin') && !ids.has(`${id}-twin`)),
					[],
				);
				t.deepEqual(halves, [ids.size / 2, ids.size / 2]);
			}
			t.deepEqual(
				(await readdir(folder)).filter(name => name.endsWith('.tmp') || name.includes('.lock')),
				[],
			);
		} finally {
			await rm(folder, { recursive: true });
		}
	});
}
