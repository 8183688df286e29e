// Who may do what on what, for every action of the table, as a page to read: matrix.golden.md.
import { readFile, writeFile } from 'node:fs/promises';
import test from 'ava';
import { createMemoryStore } from '../../common/store/memory-store.fixture.ts';
import { actor } from '../attest.fixture.ts';
import { nobody } from './actor.ts';
import { authorize } from './decide.ts';
import { type ActionName, rules } from './table.ts';

const golden = new URL('matrix.golden.md', import.meta.url);
const actors = [actor('root'), actor('member of red', 'red'), actor('member of blue', 'blue'), nobody];
const cells: Readonly<Record<string, string>> = {
	ok: 'yes',
	Forbidden: '-',
	NotLoggedIn: 'log in',
	NotThere: 'not there',
};

test('matrix.golden.md says for every action who may do it on what', async t => {
	const store = createMemoryStore();
	const rows: string[] = [];
	for (const action of Object.keys(rules) as ActionName[]) {
		const outcomes: string[] = [];
		for (const who of actors) {
			const code = await store
				.read(tx => authorize(tx, who, action))
				.then(
					() => 'ok',
					(error: { code?: string; message: string }) => error.code ?? error.message,
				);
			outcomes.push(cells[code] ?? `fault: ${code}`);
		}
		rows.push(`| ${[action, '', ...outcomes].join(' | ')} |`);
	}
	const heads = ['administrator', 'member of red', 'member of blue', 'nobody'];
	const matrix = [
		'# Who may do what',
		'',
		'Every action, tried on things of different owners. `-` is 403; `log in` is 401; `not there` is 404, also for what is there',
		'and not to be seen. Written by `UPDATE_GOLDEN=1 npx ava attest/authorize/matrix.test.ts`; look at what has changed before',
		'you commit it.',
		'',
		`| Action | On | ${heads.join(' | ')} |`,
		'| --- | --- | --- | --- | --- | --- |',
		...rows,
		'',
	].join('\n');
	if (process.env.UPDATE_GOLDEN !== undefined) await writeFile(golden, matrix);
	t.is(await readFile(golden, 'utf8'), matrix, 'see how to write it anew, and review what changed');
});
