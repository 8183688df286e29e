import test from 'ava';
import fc from 'fast-check';
import { lineDifferences } from './line-differences.ts';

test('a changed line stands between the lines around it', t => {
	t.deepEqual(lineDifferences('a\nb\nc\nd\ne\nf\ng\n', 'a\nb\nc\nX\ne\nf\ng\n'), [
		'…',
		' b',
		' c',
		'-d',
		'+X',
		' e',
		' f',
		'…',
	]);
	t.deepEqual(lineDifferences('', 'a\n'), ['+a']);
	t.deepEqual(lineDifferences('a\n', ''), ['-a']);
});

test('property: what is not removed and what is not added are the same lines', t => {
	const text = fc
		.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 5 })
		.map(lines => lines.map(line => `${line}\n`).join(''));
	fc.assert(
		fc.property(text, text, (before, after) => {
			const lines = lineDifferences(before, after);
			if (lines.includes('…')) return true;
			const side = (sign: string) =>
				lines
					.filter(line => line.startsWith(' ') || line.startsWith(sign))
					.map(line => `${line.slice(1)}\n`)
					.join('');
			return before === after || (side('-') === before && side('+') === after);
		}),
	);
	t.pass();
});
