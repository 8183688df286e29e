import test from 'ava';
import fc from 'fast-check';
import { createScreen } from './screen.ts';

function shown(...pieces: string[]): { lines: readonly string[]; current: string } {
	const screen = createScreen();
	for (const piece of pieces) screen.write(Buffer.from(piece));
	return { lines: screen.lines, current: screen.current };
}

for (const [what, text, lines, current] of [
	['lines of all endings', 'a\r\nb\nc\r\r\nd', ['a', 'b', 'c'], 'd'],
	['a pager that is wiped out by blanks', 'a\r\n--More--\r        \rb\r\n', ['a', 'b'], ''],
	[
		'a pager that is wiped out by backspaces',
		'a\n--More--\b\b\b\b\b\b\b\b        \b\b\b\b\b\b\b\bb\n',
		['a', 'b'],
		'',
	],
	['a pager that is erased', 'a\n--More--\r\u001b[Kb\n', ['a', 'b'], ''],
	['a line that is erased', 'a\u001b[2K\rb\n', ['b'], ''],
	[
		'colours and other escapes',
		'\u001b[0m\u001b[1;31mred\u001b[m\u001b=\u001b]0;title\u0007\u001b7 end\n',
		['red end'],
		'',
	],
	['an erased mistake', 'shw\b \bow\n', ['show'], ''],
	['bells and noughts', 'a\u0007\u0000b\n', ['ab'], ''],
	['a prompt', '\r\nconsole# ', [''], 'console#'],
	['a tabulator', 'a\tb\n', ['a b'], ''],
	['other alphabets', 'Gerät ünd 交换\n', ['Gerät ünd 交换'], ''],
] as const) {
	test(`shows ${what}, in whatever pieces it comes`, t => {
		t.deepEqual(shown(text), { lines: [...lines], current });
		const bytes = Buffer.from(text);
		for (let at = 1; at < bytes.length; at++) {
			const screen = createScreen();
			screen.write(bytes.subarray(0, at));
			screen.write(bytes.subarray(at));
			t.deepEqual(
				{ lines: screen.lines, current: screen.current },
				{ lines: [...lines], current },
				`cut at ${at}`,
			);
		}
	});
}

test('whatever comes, nothing that moves a cursor is left', t => {
	fc.assert(
		fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), pieces => {
			const screen = createScreen();
			for (const piece of pieces) screen.write(Buffer.from(piece));
			// biome-ignore lint/suspicious/noControlCharactersInRegex: they are looked for
			return ![...screen.lines, screen.current].some(line => /[\u0000-\u001f\u007f-\u009f]/.test(line));
		}),
	);
	t.pass();
});

test('what was seen can be forgotten', t => {
	const screen = createScreen();
	screen.write(Buffer.from('a\nprompt#'));
	t.is(screen.size, 9);
	screen.clear();
	t.deepEqual([screen.lines, screen.current, screen.size], [[], 'prompt#', 0]);
	screen.clearCurrent();
	screen.write(Buffer.from('b'));
	t.is(screen.current, 'b');
});
