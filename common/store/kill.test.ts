import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { written } from './kill-collection.ts';
import { openStore } from './open-store.ts';

const child = fileURLToPath(new URL('kill-child.ts', import.meta.url));
const rounds = 5;

/** A small generator (mulberry32), so that a seed names the moments of the kills. */
function random(seed: number): () => number {
	let state = seed;
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	};
}

/** Kills the writer once it has acknowledged so many and then some more turns of the event loop have passed. */
async function acknowledgedBeforeKill(args: string[], enough: number, turns: number): Promise<string[]> {
	const process_ = spawn(process.execPath, [child, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
	const ended = once(process_, 'exit');
	const acknowledged: string[] = [];
	try {
		for await (const line of createInterface({ input: process_.stdout })) {
			acknowledged.push(line);
			if (acknowledged.length !== enough) continue;
			for (let turn = 0; turn < turns; turn++) await new Promise(resolve => setImmediate(resolve));
			process_.kill('SIGKILL');
		}
	} finally {
		process_.kill('SIGKILL');
		await ended;
	}
	return acknowledged;
}

for (const engine of ['lowdb', 'sqlite'] as const) {
	test(`${engine}: what was acknowledged before a SIGKILL is there, whole`, async t => {
		const seed = Math.floor(Math.random() * 2 ** 32);
		t.log(`seed ${seed}`);
		const next = random(seed);
		const folder = await mkdtemp(join(tmpdir(), 'bimetal-kill-'));
		const file = join(folder, 'store');
		const acknowledged: string[] = [];
		try {
			for (let round = 0; round < rounds; round++) {
				const [enough, turns] = [1 + Math.floor(next() * 40), Math.floor(next() * 2000)];
				const some = await acknowledgedBeforeKill([engine, file, String(round)], enough, turns);
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
