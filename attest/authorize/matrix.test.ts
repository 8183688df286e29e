// Who may do what on what, for every action of the table, as a page to read: matrix.golden.md.
import { readFile, writeFile } from 'node:fs/promises';
import test from 'ava';
import { createMemoryStore } from '../../common/store/memory-store.fixture.ts';
import { actor } from '../attest.fixture.ts';
import { admissions } from '../model/admission.ts';
import { subscriptions } from '../model/notice.ts';
import { passages } from '../model/passage.ts';
import { somePassage } from '../passage/passage.fixture.ts';
import { nobody } from './actor.ts';
import { type Arguments, authorize } from './decide.ts';
import { type ActionName, type Rule, rules } from './table.ts';

const golden = new URL('matrix.golden.md', import.meta.url);
const actors = [actor('root'), actor('member of red', 'red'), actor('member of blue', 'blue'), nobody];
const cells: Readonly<Record<string, string>> = {
	ok: 'yes',
	Forbidden: '-',
	NotLoggedIn: 'log in',
	NotThere: 'not there',
};

const situations: Readonly<Record<Rule, Readonly<Record<string, Arguments>>>> = {
	anybody: { '': {} },
	any: { '': {} },
	admin: { '': {} },
	project: { 'project red': { project: 'red' } },
	admission: { "red's admission": { admission: 'a' }, 'no such admission': { admission: 'none' } },
	subscription: { "red's subscription": { subscription: 's' }, 'no such one': { subscription: 'none' } },
	passage: { 'passage into red': { passage: 'p' }, 'no such passage': { passage: 'none' } },
};
const waiting = {
	...({ state: 'waiting', node: 'n1', project: 'red', policy: null, policyName: null } as const),
	...{
		interval: 1000,
		lease: 1000,
		askedAt: 1,
		askedBy: 'alice',
		records: 0,
		strays: 0,
		stray: null,
		until: 2,
	},
};

test('matrix.golden.md says for every action who may do it on what', async t => {
	const store = createMemoryStore();
	await store.transact(async tx => {
		await tx.insert(admissions, 'a', waiting);
		await tx.insert(passages, 'p', somePassage());
		await tx.insert(subscriptions, 's', { project: 'red', url: 'http://x', addedAt: 1, addedBy: 'alice' });
	});
	const rows: string[] = [];
	for (const [action, rule] of Object.entries(rules) as [ActionName, Rule][]) {
		for (const [situation, args] of Object.entries(situations[rule])) {
			const outcomes: string[] = [];
			for (const who of actors) {
				const code = await store
					.read(tx => authorize(tx, who, action, args))
					.then(
						() => 'ok',
						(error: { code?: string; message: string }) => error.code ?? error.message,
					);
				outcomes.push(cells[code] ?? `fault: ${code}`);
			}
			rows.push(`| ${[action, situation, ...outcomes].join(' | ')} |`);
		}
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
