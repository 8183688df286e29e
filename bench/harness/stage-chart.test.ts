import test from 'ava';
import type { BenchResult } from './bench-case.ts';
import { drawStages } from './stage-chart.ts';

const result = (stage: string, value: number, peerValue: number): BenchResult => ({
	bench: 'provisioner',
	case: stage === '' ? 'boot' : `boot, ${stage}`,
	value,
	unit: 's',
	ours: 'from the network',
	peer: 'copied <first>',
	peerValue,
	ratio: value / peerValue,
	better: 'lower',
});
const results = [
	result('', 99, 99),
	result('copy', 0, 6),
	result('POST', 1, 1),
	result('kernel', 2, 1),
	{ ...result('read', 30, 40), unit: 'MB' },
];

test('each side is a bar of its stages, one after another, as long as they took; other figures are left out', t => {
	const svg = drawStages(results);
	const parts = [...svg.matchAll(/<rect x="([\d.]+)" y="(\d+)" width="([\d.]+)"[^>]*><title>([^<]*)</g)];
	t.deepEqual(
		parts.map(([, , , , title]) => title),
		['POST: 1.0 s', 'kernel: 2.0 s', 'copy: 6.0 s', 'POST: 1.0 s', 'kernel: 1.0 s'],
	);
	const [post, kernel, copy, later] = parts.map(([, x, y, width]) => ({
		x: Number(x),
		y: Number(y),
		width: Number(width),
	}));
	t.true(Math.abs((kernel?.width ?? 0) / (post?.width ?? 1) - 2) < 0.01);
	t.true(Math.abs((kernel?.x ?? 0) - (post?.x ?? 0) - (post?.width ?? 0)) <= 0.1);
	t.true((copy?.y ?? 0) > (post?.y ?? 0));
	t.true((later?.x ?? 0) > (copy?.x ?? 0));
	for (const label of ['>3.0<', '>8.0<', '>from the network<', '>copied &lt;first&gt;<'])
		t.true(svg.includes(label), label);
	t.false(svg.includes('read'));
});

test('nothing at all is refused', t => {
	t.throws(() => drawStages([]), { message: /nothing/ });
});
