import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';

const page = path.join(import.meta.dirname, '../../docs/no-way-round.md');

test('each row of docs/no-way-round.md is a test in the file that it names, and the other way round', async t => {
	const text = await readFile(page, 'utf8');
	const documented = [...text.matchAll(/^\| ([^|]+?) \| ([a-z]+-rows) \| [^|]+ \| [^|]+ \|$/gm)].map(
		([, row, file]) => `${file}: ${row}`,
	);
	const tested: string[] = [];
	for (const file of await readdir(import.meta.dirname)) {
		if (!file.endsWith('-rows.test.ts')) continue;
		const source = await readFile(path.join(import.meta.dirname, file), 'utf8');
		for (const [, row] of source.matchAll(/^test\.serial\(\s*'row ([^:']+): /gm))
			tested.push(`${file.replace('.test.ts', '')}: ${row}`);
	}
	t.true(documented.length >= 28);
	t.deepEqual(tested.sort(), documented.sort());
});
