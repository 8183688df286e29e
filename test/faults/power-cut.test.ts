// What a store on SQLite has told is there after a power failure at any moment, and nothing is told after a sync has failed.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { random } from '../../common/store/killed-process.fixture.ts';
import { openSqliteStore } from '../../common/store/sqlite-store.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { chooseSeed } from '../properties/seed.ts';
import { kept, steps, things, writers } from './power-cut-things.fixture.ts';
import { type DiskEvent, filesAfterCut, traceProgram } from './traced-disk.ts';

const child = fileURLToPath(new URL('power-cut-child.fixture.ts', import.meta.url));
const [database, log] = ['store.db', 'store.db-wal'];
const test = testNeeding('strace');

async function inFolder<R>(body: (folder: string) => Promise<R>): Promise<R> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-power-'));
	try {
		return await body(folder);
	} finally {
		await rm(folder, { recursive: true });
	}
}

const traceChild = (more: { readonly args?: string[]; readonly inject?: string[] } = {}) =>
	inFolder(folder =>
		traceProgram([child, path.join(folder, database), ...(more.args ?? [])], { folder, ...more }),
	);

/** By writer, the last step that it was told is done. */
function toldBy(events: readonly DiskEvent[]): number[] {
	const told = Array.from({ length: writers }, () => 0);
	for (const event of events) {
		const [, writer, step] = (event.kind === 'told' && /^(\d) (\d+)\n$/.exec(event.text)) || [];
		if (step !== undefined) told[Number(writer)] = Number(step);
	}
	return told;
}

/** What is wrong after a power failure; undefined: nothing. */
async function faultAfterCut(
	events: readonly DiskEvent[],
	count: number,
	isThere: () => boolean,
): Promise<string | undefined> {
	return inFolder(async folder => {
		for (const [name, bytes] of filesAfterCut(events, count, isThere))
			await writeFile(path.join(folder, name), bytes);
		const file = path.join(folder, database);
		const store = await openSqliteStore({ file });
		const { found, last } = await store
			.read(async tx => ({
				found: new Map((await tx.list(things)).map(({ id, document }) => [id, document.n])),
				last: await tx.count(things, { index: 'kind', equals: 'last' }),
			}))
			.finally(() => store.close());
		const told = toldBy(events.slice(0, count));
		const begun = told.filter((_, writer) => found.has(`${writer}`)).length;
		if (last !== begun) return `${begun} writers have begun; the index has ${last}`;
		for (const [writer, step] of told.entries()) {
			const n = found.get(`${writer}`) ?? 0;
			if (n < step) return `writer ${writer} was told of step ${step}; there is ${n}`;
			// Each step whole, or not at all.
			for (let other = 1; other <= steps; other++)
				if (found.has(`${writer}-${other}`) !== (other <= n && other > n - kept))
					return `writer ${writer} is at step ${n}; of step ${other} that is not so`;
		}
		const db = new DatabaseSync(file);
		try {
			const verdict = db.prepare('PRAGMA integrity_check').get()?.integrity_check;
			return verdict === 'ok' ? undefined : String(verdict);
		} finally {
			db.close();
		}
	});
}

/** Moments at which something is half done: the log begins anew, or what was in it has just been synced in the database. */
const delicate = (events: readonly DiskEvent[]): number[] =>
	[...events.entries()].flatMap(([number, event]) =>
		(event.kind === 'write' && event.file === log && event.position === 0) ||
		(event.kind === 'synced' && event.file === database)
			? [number, number + 1, number + 3]
			: [],
	);

const [none, all] = [() => false, () => true];

test('what was told is there after a power failure at any moment', async t => {
	t.timeout(300_000);
	const events = await traceChild();
	t.deepEqual(toldBy(events), Array(writers).fill(steps));
	const began = events.filter(({ kind, ...of }) => kind === 'write' && 'position' in of && of.position === 0);
	t.true(began.length > 10, 'the log has begun anew several times');
	const next = random(chooseSeed(process.env.BIMETAL_TEST_SEED));
	const half = () => next() < 0.5;
	const some = <E>(of: readonly E[]): E[] => of.filter(() => next() < 80 / of.length);
	const moments = [
		...some(delicate(events).flatMap(count => [none, all, half].map(isThere => ({ count, isThere })))),
		...some(events.map((_, count) => ({ count, isThere: half }))),
		{ count: events.length, isThere: none },
	];
	for (const { count, isThere } of moments)
		t.is(await faultAfterCut(events, count, isThere), undefined, `after ${count} of ${events.length} events`);
});

test('a store that does not sync is found out', async t => {
	t.timeout(120_000);
	const events = await traceChild({ args: ['unsynced'] });
	t.regex((await faultAfterCut(events, events.length, none)) ?? '', /was told of step/);
});

/** Each of a program's threads counts its own. */
const failing: readonly (readonly [title: string, inject: string])[] = [
	['of a sync that fails', 'fdatasync:error=EIO:when=4'],
	['once syncs fail', 'fdatasync:error=EIO:when=9+'],
];
for (const [title, inject] of failing)
	test(`nothing is told after the first ${title}`, async (t: ExecutionContext) => {
		t.timeout(120_000);
		const events = await traceChild({ inject: [inject] });
		const failed = events.findIndex(({ kind }) => kind === 'sync failed');
		t.true(failed > 0);
		t.true(Math.max(...toldBy(events.slice(0, failed))) > 0);
		const after = events.slice(failed).flatMap(event => (event.kind === 'told' ? [event.text] : []));
		t.deepEqual(after, [`end ${Array(writers).fill('StoreFailed').join(' ')}\n`]);
		t.is(await faultAfterCut(events, events.length, none), undefined);
		t.is(await faultAfterCut(events, events.length, all), undefined);
	});
