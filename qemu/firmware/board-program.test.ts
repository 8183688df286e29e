import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { runProgram } from '../../test/run-program.ts';
import { bundleProgram } from './board-program.ts';

test('a program is bundled with its packages, reads its version, and is another one when its code is', async t => {
	const folder = await mkdtemp(path.join(process.cwd(), 'node_modules', '.cache-bundle-'));
	const out = await mkdtemp(path.join(tmpdir(), 'bimetal-bundle-'));
	t.teardown(() => rm(folder, { recursive: true }));
	t.teardown(() => rm(out, { recursive: true }));
	const entry = path.join(folder, 'entry.ts');
	const write = (word: string) =>
		writeFile(
			entry,
			`import { readFileSync } from 'node:fs';
			import express from 'express';
			const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
			const { default: forge } = await import('node-forge');
			const said: string = [typeof express, typeof forge.pki, version, '${word}'].join(' ');
			console.log(said);`,
		);
	const manifest = path.join(folder, 'package.json');
	await writeFile(manifest, JSON.stringify({ name: 'b', version: '1.2.3', dependencies: { secret: '1' } }));
	await write('first');
	const first = await bundleProgram(entry, manifest);
	t.is(first.files['package.json']?.toString(), '{"name":"b","version":"1.2.3"}\n');
	t.true(Object.keys(first.files).length > 2, 'what is imported later is a piece of its own');
	// As on the board: the code in a folder below the one of package.json.
	const inBin = path.join(out, 'bin');
	await mkdir(inBin);
	for (const [file, content] of Object.entries(first.files)) await writeFile(path.join(out, file), content);
	const ran = await runProgram(process.execPath, [path.join(inBin, 'board.mjs')]);
	t.is(ran.stdout, 'function object 1.2.3 first\n', ran.stderr);

	t.is((await bundleProgram(entry, manifest)).digest, first.digest);
	await write('second');
	t.not((await bundleProgram(entry, manifest)).digest, first.digest);
});
