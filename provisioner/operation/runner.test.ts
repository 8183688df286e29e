import { randomUUID } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { z } from 'zod';
import { FakeClock } from '../../common/clock.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { createMemoryStore } from '../../common/store/memory-store.fixture.ts';
import { defineCollection, type Store } from '../../common/store/store.ts';
import { provisionerErrors } from '../errors.ts';
import { type Operation, operations } from '../model/operation.ts';
import { begin, type Wanted } from './journal.ts';
import type { Kind, StageContext } from './kind.ts';
import { createRunner, type Runner } from './runner.ts';

interface Bench {
	readonly runner: Runner;
	readonly clock: FakeClock;
	ask(wanted?: Partial<Wanted>): Promise<string>;
	show(id: string): Promise<Operation>;
	pass(ms: number): Promise<void>;
}

function createBench(kind: Kind, store: Store = createMemoryStore()): Bench {
	const clock = new FakeClock();
	const deps = { store, clock, random: () => 0.5, logger: silentLogger, onChange: () => undefined };
	const runner = createRunner({ ...deps, kinds: { build: kind } });
	const firstStage = kind.stages[0]?.name ?? '';
	return {
		runner,
		clock,
		async ask(wanted) {
			const whole = { kind: 'build', project: 'red', asker: 'alice', ...wanted };
			const how = { newId: randomUUID, now: clock.now(), firstStage };
			const id = await store.transact(tx => begin(tx, whole, how));
			runner.wake(id);
			return id;
		},
		async show(id) {
			const found = await store.read(tx => tx.get(operations, id));
			if (!found) throw new Error('it is gone');
			return found;
		},
		async pass(ms) {
			for (let passed = 0; passed < ms; passed += 100) {
				clock.advance(100);
				await runner.idle();
			}
		},
	};
}

/** Stages that put their letter onto a heap and take it off again; `faults` says what happens instead. */
function letters(
	heap: string[],
	faults: (what: string, context: StageContext) => unknown = () => undefined,
): Kind {
	const stage = (name: string) => ({
		name,
		async run(context: StageContext) {
			if (!heap.includes(name)) heap.push(name);
			await faults(`run ${name}`, context);
		},
		async undo(context: StageContext) {
			await faults(`undo ${name}`, context);
			if (heap.includes(name)) heap.splice(heap.indexOf(name), 1);
		},
	});
	return { stages: ['a', 'b', 'c'].map(stage) };
}

test('stages are done in order, each with its times', async t => {
	const heap: string[] = [];
	const bench = createBench(letters(heap));
	const id = await bench.ask();
	await bench.runner.idle();
	const { status, stages } = await bench.show(id);
	t.is(status, 'DONE');
	t.deepEqual(
		stages.map(({ name, endedAt }) => [name, endedAt !== null]),
		[
			['a', true],
			['b', true],
			['c', true],
		],
	);
	t.deepEqual(heap, ['a', 'b', 'c']);
});

test('a refusal undoes what was done, backwards; the reason is kept', async t => {
	const heap: string[] = [];
	const order: string[] = [];
	const bench = createBench(
		letters(heap, what => {
			order.push(what);
			if (what === 'run c') throw provisionerErrors.ImageRefused('no image at all');
		}),
	);
	const id = await bench.ask();
	await bench.runner.idle();
	t.like(await bench.show(id), { status: 'FAILED', reason: 'no image at all', stages: [] });
	t.deepEqual(order, ['run a', 'run b', 'run c', 'undo c', 'undo b', 'undo a']);
	t.deepEqual(heap, []);
});

test('a fault is tried again, ever later, and ten of them end it', async t => {
	let faults = 0;
	const heap: string[] = [];
	const bench = createBench(
		letters(heap, what => {
			if (what !== 'run b') return;
			faults++;
			throw new Error('the daemon is away');
		}),
	);
	const id = await bench.ask();
	await bench.runner.idle();
	t.like(await bench.show(id), { status: 'PENDING', attempts: 1, error: 'the daemon is away' });
	await bench.pass(400);
	t.is(faults, 1);
	await bench.pass(200);
	t.is(faults, 2);
	await bench.pass(300_000);
	t.is(faults, 10);
	t.like(await bench.show(id), { status: 'FAILED', reason: 'the daemon is away' });
	t.deepEqual(heap, []);
});

test('undoing never gives up', async t => {
	let faults = 0;
	const heap: string[] = [];
	const bench = createBench(
		letters(heap, what => {
			if (what === 'run b') throw provisionerErrors.InUse('no');
			if (what === 'undo a' && ++faults < 30) throw new Error('the switch is away');
		}),
	);
	const id = await bench.ask();
	await bench.pass(10 * 60_000);
	t.like(await bench.show(id), { status: 'UNDOING', error: 'the switch is away', reason: 'no' });
	await bench.pass(30 * 60_000);
	t.like(await bench.show(id), { status: 'FAILED', reason: 'no' });
	t.deepEqual(heap, []);
});

test('who cancels ends the stage that is under way, and all is undone', async t => {
	const heap: string[] = [];
	let began: () => void = () => undefined;
	const begun = new Promise<void>(resolve => {
		began = resolve;
	});
	const bench = createBench(
		letters(heap, (what, { signal }) => {
			if (what !== 'run b') return undefined;
			began();
			return new Promise((_, reject) =>
				signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
			);
		}),
	);
	const id = await bench.ask();
	await begun;
	await bench.runner.cancel(id, 'alice has thought better of it');
	await bench.runner.idle();
	t.like(await bench.show(id), { status: 'FAILED', reason: 'alice has thought better of it' });
	t.deepEqual(heap, []);
	await bench.runner.cancel(id, 'too late');
	t.like(await bench.show(id), { reason: 'alice has thought better of it' });
});

test('nothing is worked on by two operations at once', async t => {
	const bench = createBench(letters([], () => new Promise(() => undefined)));
	await bench.ask({ disk: 'd1', node: 'n1' });
	await t.throwsAsync(bench.ask({ disk: 'd1' }), { code: 'InUse' });
	await t.throwsAsync(bench.ask({ node: 'n1' }), { code: 'InUse' });
	await bench.ask({ image: 'n1' });
	t.pass();
});

test('progress is recorded once a second; what a stage keeps is there for the next', async t => {
	const seen: unknown[] = [];
	const bench = createBench({
		stages: [
			{
				name: 'copy',
				async run({ progress, keep }) {
					await progress(1, 10);
					await progress(2, 10);
					bench.clock.advance(1000);
					await progress(3, 10);
					seen.push((await bench.show(id)).progress);
					await keep({ size: 10 });
				},
			},
			{ name: 'use', run: async ({ operation }) => void seen.push(operation.output) },
		],
	});
	const id = await bench.ask();
	await bench.runner.idle();
	t.deepEqual(seen, [{ done: 3, total: 10 }, { size: 10 }]);
});

test('what is recorded at the end of a stage is there with it, and never without', async t => {
	const notes = defineCollection('notes', z.strictObject({ text: z.string() }));
	const store = createMemoryStore();
	const written = () => store.read(tx => tx.list(notes));
	let tries = 0;
	const kind: Kind = {
		stages: [
			{
				name: 'note',
				async run(context) {
					tries++;
					context.atEnd(tx => tx.put(notes, `${tries}`, { text: 'done' }));
					if (tries === 1) throw new Error('the stage fails');
					if (tries === 2) {
						context.atEnd(() => Promise.reject(new Error('what it records fails')));
					}
				},
			},
		],
	};
	const bench = createBench(kind, store);
	const id = await bench.ask();
	await bench.runner.idle();
	t.like(await bench.show(id), { status: 'PENDING', error: 'the stage fails' });
	t.deepEqual(await written(), []);
	await bench.pass(60_000);
	t.is(tries, 3);
	t.is((await bench.show(id)).status, 'DONE');
	t.deepEqual(
		await written(),
		[{ id: '3', document: { text: 'done' } }],
		'nothing is left of the second time',
	);
});

test('killed anywhere, the next process goes on, forwards or backwards, and ends in one of two states', async t => {
	await fc.assert(
		fc.asyncProperty(
			fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }),
			fc.boolean(),
			async (lives, isRefused) => {
				const store = createMemoryStore();
				const heap: string[] = [];
				let left = Number.POSITIVE_INFINITY;
				// A process that was killed does nothing any more, not even fail.
				const kind = letters(heap, what => {
					if (--left < 0) return new Promise(() => undefined);
					if (isRefused && what === 'run c') throw provisionerErrors.InUse('no');
					return undefined;
				});
				let id: string | undefined;
				for (const life of lives) {
					left = life;
					const bench = createBench(kind, store);
					if (id === undefined) id = await bench.ask();
					else await bench.runner.start();
					for (let turn = 0; turn < 200; turn++) await Promise.resolve();
				}
				left = Number.POSITIVE_INFINITY;
				const last = createBench(kind, store);
				if (id === undefined) id = await last.ask();
				else await last.runner.start();
				await last.runner.idle();
				const { status } = await last.show(id);
				t.is(status, isRefused ? 'FAILED' : 'DONE');
				t.deepEqual(heap, isRefused ? [] : ['a', 'b', 'c']);
			},
		),
		{ numRuns: 100 },
	);
});
