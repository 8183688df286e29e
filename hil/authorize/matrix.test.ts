// Who may do what on what, for every action of the table, as a page to read: matrix.golden.md.
import { readFile, writeFile } from 'node:fs/promises';
import test from 'ava';
import { v0Routes } from '../v0/routes.ts';
import { v1Routes } from '../v1/routes.ts';
import { actors, decisions, furnished } from './matrix.fixture.ts';
import { rules } from './table.ts';

const golden = new URL('matrix.golden.md', import.meta.url);

test('matrix.golden.md says for every action who may do it on what', async t => {
	const rows = (await decisions(await furnished(), actors)).map(
		({ action, situation, outcomes }) => `| ${[action, situation, ...outcomes].join(' | ')} |`,
	);
	const matrix = [
		'# Who may do what',
		'',
		'Every action, tried on things of different owners. `-` is 401; what an administrator meets besides, the verb says.',
		'Written by `UPDATE_GOLDEN=1 npx ava hil/authorize/matrix.test.ts`; look at what has changed before you commit it.',
		'',
		`| Action | On | ${actors.map(({ name }) => (name === 'root' ? 'administrator' : name)).join(' | ')} |`,
		'| --- | --- | --- | --- | --- | --- | --- |',
		...rows,
		'',
	].join('\n');
	if (process.env.UPDATE_GOLDEN !== undefined) await writeFile(golden, matrix);
	t.is(
		await readFile(golden, 'utf8'),
		matrix,
		'see how to write it anew in matrix.golden.md, and review what changed',
	);
});

test('every action of the table belongs to a route, and every route to an action of the table', t => {
	const used = [...v0Routes(), ...v1Routes()].map(({ action }) => action);
	t.deepEqual([...new Set(used)].sort(), Object.keys(rules).sort());
});
