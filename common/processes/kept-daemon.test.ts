import test from 'ava';
import { FakeClock } from '../clock.ts';
import { silentLogger } from '../log/logger.ts';
import type { Child, Exit } from './children.ts';
import { keepDaemon } from './kept-daemon.ts';

/** A daemon that does as it is told, and how often that was asked of it. */
function pretend() {
	const clock = new FakeClock();
	const children: { die(): void; readonly stopped: boolean }[] = [];
	/** Thrown by the next starts and restorations, one each. */
	const faults = { start: [] as string[], restore: [] as string[] };
	let restored = 0;
	const next = (of: string[]): void => {
		const fault = of.shift();
		if (fault !== undefined) throw new Error(fault);
	};
	function child(): Child {
		let exit: (how: Exit) => void = () => undefined;
		const exited = new Promise<Exit>(resolve => {
			exit = resolve;
		});
		const state = { stopped: false, die: () => exit({ code: null, signal: 'SIGKILL' }) };
		children.push(state);
		return {
			...{ pid: children.length, exited, errorLines: () => ['out of luck'], write: () => undefined },
			async stop() {
				state.stopped = true;
				exit({ code: 0, signal: null });
				return exited;
			},
		};
	}
	const options = {
		name: 'thingd',
		async start() {
			next(faults.start);
			return { child: child() };
		},
		async restore() {
			next(faults.restore);
			restored++;
		},
		clock,
		logger: silentLogger,
	};
	/** Everything that is to happen now has happened. */
	const settle = () => new Promise(resolve => setImmediate(resolve));
	return {
		...{ clock, children, faults, options, settle },
		restored: () => restored,
		async pass(ms: number) {
			clock.advance(ms);
			await settle();
		},
	};
}

test('one that ends is started again, has what it had, and says meanwhile what is wrong', async t => {
	const { options, children, pass, settle, restored } = pretend();
	const kept = await keepDaemon(options);
	t.notThrows(() => kept.check());
	children[0]?.die();
	await settle();
	t.throws(() => kept.check(), { message: 'thingd has ended (SIGKILL): out of luck. It is started again.' });
	t.is(kept.current(), undefined);
	await pass(499);
	t.is(children.length, 1);
	await pass(1);
	t.is(kept.current()?.child.pid, 2);
	t.is(restored(), 1);
	t.notThrows(() => kept.check());
	await kept.close();
	t.true(children[1]?.stopped);
});

test('it is tried less and less often, and never given up', async t => {
	const { options, children, clock, faults, pass, settle } = pretend();
	const kept = await keepDaemon(options);
	faults.start.push(...Array(100).fill('no room'));
	children[0]?.die();
	await settle();
	const tries: number[] = [];
	for (let before = faults.start.length; clock.elapsed() < 120_000; before = faults.start.length) {
		await pass(500);
		if (faults.start.length < before) tries.push(clock.elapsed());
	}
	t.deepEqual(tries.slice(0, 6), [500, 1500, 3500, 7500, 15_500, 30_500]);
	t.is(tries.at(-1), 105_500);
	t.throws(() => kept.check(), { message: 'thingd cannot be started again: no room' });
	faults.start.length = 0;
	await pass(15_000);
	t.notThrows(() => kept.check());
	// It has run for long: the next one is no matter of the last.
	await pass(60_001);
	children.at(-1)?.die();
	await settle();
	await pass(500);
	t.notThrows(() => kept.check());
	await kept.close();
});

test('what is missing of what it had is told, and tried until it is there; it may end meanwhile', async t => {
	const { options, children, faults, pass, settle, restored } = pretend();
	const kept = await keepDaemon(options);
	faults.restore.push('a disk is missing', 'a disk is missing');
	children[0]?.die();
	await settle();
	await pass(500);
	t.throws(() => kept.check(), { message: 'thingd was started again, but a disk is missing' });
	t.truthy(kept.current());
	children[1]?.die();
	await settle();
	await pass(1000);
	t.is(children.length, 3);
	t.is(restored(), 0);
	await pass(2000);
	t.is(children.length, 3, 'it runs: it is not started for what it lacks');
	t.is(restored(), 1);
	t.notThrows(() => kept.check());
	await kept.close();
});

test('one that is exchanged on purpose counts as well, and one that then does not start is tried again', async t => {
	const { options, children, faults, pass } = pretend();
	const kept = await keepDaemon(options);
	await kept.exchange();
	t.true(children[0]?.stopped);
	t.is((await kept.settled())?.child.pid, 2);
	t.notThrows(() => kept.check());
	faults.start.push('misspelt');
	await t.throwsAsync(kept.exchange(), { message: 'misspelt' });
	t.throws(() => kept.check(), { message: /misspelt/ });
	await kept.exchange();
	t.is(await kept.settled(), undefined, 'between two there is nothing to exchange');
	await pass(500);
	t.is(kept.current()?.child.pid, 3);
	await kept.close();
});

test('closed, it is not started any more, whatever it was at', async t => {
	const { options, children, faults, pass, settle, clock } = pretend();
	const kept = await keepDaemon(options);
	children[0]?.die();
	await settle();
	await kept.close();
	await pass(60_000);
	t.is(children.length, 1);

	let go: () => void = () => undefined;
	const slow = {
		...options,
		async start() {
			if (children.length > 1) {
				await new Promise<void>(resolve => {
					go = resolve;
				});
			}
			return options.start();
		},
	};
	const other = await keepDaemon(slow);
	children[1]?.die();
	await settle();
	await pass(500);
	const closed = other.close();
	go();
	await closed;
	t.true(children[2]?.stopped, 'a start that was under way is ended');
	faults.start.push('never');
	await t.throwsAsync(keepDaemon(options), { message: 'never' });
	t.true(clock.elapsed() > 0);
});
