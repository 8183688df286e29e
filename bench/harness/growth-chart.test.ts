import test from 'ava';
import type { BenchResult } from './bench-case.ts';
import { drawGrowth } from './growth-chart.ts';

const result = (peer: string, ratio: number): BenchResult => ({
	bench: 'growth',
	case: 'number of BMCs',
	value: 100,
	unit: 'µs',
	ours: '800 BMCs',
	peer,
	peerValue: 100 / ratio,
	ratio,
	better: 'lower',
});

test('each size is a point at its value, in the order of the sizes', t => {
	const svg = drawGrowth([result('80 BMCs', 2), result('8 BMCs', 4)]);
	const [, points = ''] = /points="([^"]+)"/.exec(svg) ?? [];
	const [small, middle, large] = points.split(' ').map(point => point.split(',').map(Number));
	t.true((small?.[0] ?? 0) < (middle?.[0] ?? 0) && (middle?.[0] ?? 0) < (large?.[0] ?? 0));
	// 25, 50 and 100: the steps upwards are one to two.
	const up = [(small?.[1] ?? 0) - (middle?.[1] ?? 0), (middle?.[1] ?? 0) - (large?.[1] ?? 0)];
	t.true(Math.abs((up[1] ?? 0) / (up[0] ?? 1) - 2) < 0.05, `${up}`);
	for (const label of ['>25<', '>50<', '>100<', '>800<', '>BMCs<']) t.true(svg.includes(label), label);
});

test('long sizes are written short, so that they stand beside each other', t => {
	const many = { ...result('1000 BMCs', 4), ours: '1000000 BMCs' };
	const svg = drawGrowth([many, { ...many, peer: '100000 BMCs' }]);
	for (const label of ['>1K<', '>100K<', '>1M<']) t.true(svg.includes(label), label);
});

test('what has no size, and nothing at all, is refused', t => {
	t.throws(() => drawGrowth([]), { message: /nothing/ });
	t.throws(() => drawGrowth([result('many BMCs', 1)]), { message: /size/ });
});
