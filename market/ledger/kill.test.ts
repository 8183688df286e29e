import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { acknowledgedBeforeKill, random } from '../../common/store/killed-process.fixture.ts';
import { openSqliteStore } from '../../common/store/sqlite-store.ts';
import { checkBook } from './check-book.ts';
import { transfers } from './transfer.ts';

const child = fileURLToPath(new URL('kill-child.fixture.ts', import.meta.url));

test('after a SIGKILL the book is sound, has all that was acknowledged, and no lease half paid', async t => {
	const next = random(7);
	const folder = await mkdtemp(join(tmpdir(), 'bimetal-ledger-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const file = join(folder, 'market.db');
	const acknowledged: string[] = [];
	for (let round = 0; round < 3; round++) {
		const [enough, turns] = [1 + Math.floor(next() * 40), Math.floor(next() * 500)];
		acknowledged.push(...(await acknowledgedBeforeKill(child, [file, String(round)], enough, turns)));
		const store = await openSqliteStore({ file });
		const [problems, all] = await store.read(async tx => [await checkBook(tx), await tx.list(transfers)]);
		await store.close();
		t.deepEqual(problems, []);
		const keys = new Set(all.map(({ document }) => document.key));
		t.deepEqual(
			acknowledged.filter(key => !keys.has(key)),
			[],
		);
		const captured = [...keys].filter(key => key.endsWith('-capture'));
		t.is(captured.length, [...keys].filter(key => key.endsWith('-release')).length);
		for (const key of captured) t.true(keys.has(key.replace('-capture', '-release')), key);
	}
});
