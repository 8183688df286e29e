import test from 'ava';
import fc from 'fast-check';
import { createEscape } from './console-escape.ts';

function typed(...pieces: string[]) {
	let sent = '';
	let said = '';
	let left = 0;
	const take = createEscape({
		send: bytes => {
			sent += Buffer.from(bytes).toString('latin1');
		},
		leave: () => {
			left++;
		},
		say: text => {
			said += text;
		},
	});
	for (const piece of pieces) take(Buffer.from(piece, 'latin1'));
	return { sent, said, left };
}

test('~. leaves at the start of a line, and nowhere else', t => {
	t.like(typed('~.'), { left: 1, sent: '' });
	t.like(typed('ls\r', '~', '.', 'x'), { left: 1, sent: 'ls\r' });
	t.like(typed('a~.'), { left: 0, sent: 'a~.' });
	t.like(typed('~~.'), { left: 0, sent: '~.' });
	t.like(typed('~x'), { left: 0, sent: '~x' });
	t.like(typed('~?', 'ls'), { left: 0, sent: 'ls' });
	t.regex(typed('~?').said, /leave the console/);
});

test('without a tilde everything is passed on, however it is cut', t => {
	fc.assert(
		fc.property(fc.array(fc.string().map(text => text.replaceAll('~', ''))), pieces => {
			const plain = pieces.map(piece => Buffer.from(piece, 'utf8').toString('latin1'));
			t.is(typed(...plain).sent, plain.join(''));
		}),
	);
});
