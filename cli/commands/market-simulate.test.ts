import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { createTerminal } from '../test-terminal.ts';

test('writes what it prints, and a page; says what is wrong with a scenario', async t => {
	const folder = await mkdtemp(join(tmpdir(), 'bimetal-simulate-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const out = join(folder, 'new', 'report');
	const ran = await createTerminal().run(
		'market',
		'simulate',
		'slides',
		'--days',
		'2',
		'--out',
		out,
		'--json',
	);
	t.is(ran.code, 0, ran.err);
	t.regex(ran.err, /^[0-2] of 3 plays over; (market|first come): day 1 of 2/m);
	t.regex(ran.err, /^3 of 3 plays over…$/m);
	const printed = JSON.parse(ran.out);
	t.is(printed.days, 2);
	t.deepEqual(JSON.parse(await readFile(join(out, 'report.json'), 'utf8')), printed);
	t.regex(await readFile(join(out, 'report.html'), 'utf8'), /^<!doctype html>.*<\/html>\n$/s);
	const wrong = join(folder, 'wrong.yaml');
	await writeFile(wrong, 'name: x\ndays: -1\n');
	const refused = await createTerminal().run('market', 'simulate', wrong, '--out', out);
	t.is(refused.code, 2);
	t.regex(refused.err, /wrong\.yaml:2:/);
});
