import test from 'ava';
import fc from 'fast-check';
import { median, runCase, type Side } from './bench-case.ts';

const figures = [{ name: '', unit: 'requests/s', better: 'higher' }] as const;
const side = (name: string, values: number[], check = async () => {}): Side => ({
	name,
	check,
	round: async () => ({ '': values.shift() ?? Number.NaN }),
});

test('compares the medians of the rounds after the first, which only warms', async t => {
	const results = await runCase(
		'proxy',
		{ name: 'GET', figures, ours: side('ours', [1, 40, 20, 30]), peers: [side('peer', [99, 10, 10, 20])] },
		{ rounds: 3, seconds: 0, warmUp: 1 },
	);
	t.deepEqual(results, [
		{
			bench: 'proxy',
			case: 'GET',
			value: 30,
			unit: 'requests/s',
			ours: 'ours',
			peer: 'peer',
			peerValue: 10,
			ratio: 3,
			better: 'higher',
		},
	]);
});

test('a case whose rounds take long has no more of them than it says, and is not warmed', async t => {
	const [result] = await runCase(
		'provisioner',
		{
			name: 'boot',
			figures,
			ours: side('ours', [5, 7]),
			peers: [side('peer', [1, 1])],
			most: { rounds: 1, warmUp: 0 },
		},
		{ rounds: 3, seconds: 0, warmUp: 1 },
	);
	t.is(result?.value, 5);
});

test('times nothing when a side gives a wrong answer', async t => {
	const timed = side('ours', []);
	const wrong = side('peer', [], async () => {
		throw new Error('404');
	});
	const running = runCase(
		'proxy',
		{
			name: 'GET',
			figures,
			ours: { ...timed, round: async () => t.fail() as never },
			peers: [wrong],
		},
		{ rounds: 1, seconds: 0, warmUp: 0 },
	);
	await t.throwsAsync(running, { message: 'proxy, GET: peer gives a wrong answer' });
});

test('a median has as many values above it as below', t => {
	fc.assert(
		fc.property(fc.array(fc.integer({ min: -1e6, max: 1e6 }), { minLength: 1 }), values => {
			const middle = median(values);
			const above = values.filter(v => v > middle).length;
			const below = values.filter(v => v < middle).length;
			return above <= values.length / 2 && below <= values.length / 2;
		}),
	);
	t.pass();
});
