import test from 'ava';
import { FakeClock } from '../../common/clock.ts';
import type { StreamSink } from '../forward/exchange.ts';
import { createUpstream } from './upstream.ts';

/** A BMC whose stream the test holds in its hand. */
function world() {
	const clock = new FakeClock();
	const told: string[] = [];
	const asked: (string | undefined)[] = [];
	let sink: StreamSink | undefined;
	const state = { fails: false };
	const upstream = createUpstream({
		bmc: {
			target: { name: 'node1', rack: 'rack1', url: '' },
			async stream(_path, headers, to) {
				asked.push(headers['last-event-id']);
				if (state.fails) throw new Error('unreachable');
				sink = to;
				return { status: 200, close: () => undefined };
			},
		},
		clock,
		random: () => 1,
		logger: { warn: () => undefined, info: () => undefined },
		onMessage: ({ id, data }) => told.push(`${id} ${data}`),
		onGap: since => told.push(`gap since ${since - start}`),
	});
	const start = clock.now();
	const settle = () => new Promise(resolve => setImmediate(resolve));
	return {
		upstream,
		told,
		asked,
		state,
		send: (id: number, data = 'x') => sink?.onData(Buffer.from(`id: ${id}\ndata: ${data}\n\n`)),
		raw: (text: string) => sink?.onData(Buffer.from(text)),
		breakOff: () => sink?.onEnd(new Error('reset')),
		async pass(ms: number) {
			clock.advance(ms);
			await settle();
		},
	};
}

test('what a BMC repeats after a break is no gap', async t => {
	const { upstream, told, asked, send, breakOff, pass } = world();
	await upstream.start();
	send(4);
	breakOff();
	t.false(upstream.isOpen());
	await pass(1000);
	t.true(upstream.isOpen());
	send(5);
	send(6);
	await pass(5000);
	t.deepEqual(told, ['4 x', '5 x', '6 x']);
	t.deepEqual(asked, [undefined, '4']);
});

test('what is not repeated is told as a gap: at the next event, or soon without one', async t => {
	const { upstream, told, send, breakOff, pass } = world();
	await upstream.start();
	send(4);
	breakOff();
	await pass(1000);
	send(9);
	breakOff();
	await pass(1000);
	t.deepEqual(told, ['4 x', 'gap since 0', '9 x']);
	await pass(2000);
	t.deepEqual(told.slice(3), ['gap since 1000']);
});

test('attempts are spaced out, go on until stopped, and begin anew after an event', async t => {
	const { upstream, asked, state, send, breakOff, pass } = world();
	state.fails = true;
	await t.throwsAsync(upstream.start(), { message: 'unreachable' });
	for (const [ms, expected] of [
		[999, 1],
		[1, 2],
		[1999, 2],
		[1, 3],
		[4000, 4],
		[8000, 5],
		[16_000, 6],
		[32_000, 7],
		[60_000, 8],
		[60_000, 9],
	] as const) {
		await pass(ms);
		t.is(asked.length, expected, `after ${ms} ms`);
	}
	state.fails = false;
	await pass(60_000);
	send(1);
	breakOff();
	await pass(1000);
	t.is(asked.length, 11);
	upstream.stop();
	breakOff();
	await pass(600_000);
	t.is(asked.length, 11);
});

test('what is no event stream ends it, and the same is not asked for once more', async t => {
	const { upstream, told, asked, send, raw, pass } = world();
	await upstream.start();
	send(4);
	raw('data: \0\n');
	raw('data: late\n\n');
	await pass(1000);
	t.deepEqual(told, ['4 x']);
	t.deepEqual(asked, [undefined, undefined]);
	await pass(2000);
	t.deepEqual(told, ['4 x', 'gap since 0']);
});
