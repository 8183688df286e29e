import test from 'ava';
import { FakeClock } from './clock.ts';
import { createWoken } from './woken.ts';

test('one run at a time, another one after it when it was woken meanwhile, and by itself when its time has come', async t => {
	const clock = new FakeClock();
	const log: string[] = [];
	let next: number | undefined;
	let release: () => void = () => undefined;
	const woken = createWoken(clock, async () => {
		log.push('begins');
		await new Promise<void>(resolve => {
			release = resolve;
		});
		log.push('ends');
		return next;
	});
	woken.wake();
	woken.wake();
	t.deepEqual(log, ['begins']);
	const end = async () => {
		release();
		for (let turn = 0; turn < 10; turn++) await Promise.resolve();
	};
	await end();
	t.deepEqual(log.splice(0), ['begins', 'ends', 'begins']);
	next = 500;
	await end();
	await woken.idle();
	t.deepEqual(log.splice(0), ['ends']);
	clock.advance(499);
	t.deepEqual(log, []);
	clock.advance(1);
	t.deepEqual(log.splice(0), ['begins']);
	next = undefined;
	await end();
	clock.advance(1_000_000);
	t.deepEqual(log.splice(0), ['ends']);

	woken.wake();
	woken.wake();
	const closing = woken.close();
	await end();
	await closing;
	t.deepEqual(log.splice(0), ['begins', 'ends'], 'what is under way ends, and nothing comes after it');
	woken.wake();
	t.deepEqual(log, []);
});

test('whoever wakes it sooner takes the place of its timer', async t => {
	const clock = new FakeClock();
	let runs = 0;
	const woken = createWoken(clock, async () => {
		runs++;
		return 1000;
	});
	woken.wake();
	await woken.idle();
	clock.advance(600);
	woken.wake();
	await woken.idle();
	clock.advance(600);
	await woken.idle();
	t.is(runs, 2);
	clock.advance(400);
	await woken.idle();
	t.is(runs, 3);
	await woken.close();
	clock.advance(10_000);
	t.is(runs, 3);
});
