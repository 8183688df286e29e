import test from 'ava';
import type { SshChannel } from '../transport/ssh-channel.ts';
import { openCommandLine } from './command-line.ts';

const { signal } = new AbortController();
const account = { username: 'hil', password: 'not to be told' };
const kind = { pager: /^--More--/, isRefusal: (line: string) => line.startsWith('% ') };
const away = Object.assign(new Error('ended the session'), { code: 'SwitchAway' });

/** A switch that answers each thing that is written with the next text, in pieces of so many bytes. */
function saying(first: string, answers: readonly string[], size = 4096): SshChannel & { written: string[] } {
	let waiting = Buffer.from(first);
	const left = [...answers];
	return {
		written: [],
		isOpen: true,
		async read(given) {
			if (waiting.length === 0) {
				if (left.length === 0) throw away;
				await new Promise((_, reject) => given.addEventListener('abort', () => reject(given.reason)));
			}
			const piece = waiting.subarray(0, size);
			waiting = waiting.subarray(size);
			return piece;
		},
		async write(text) {
			this.written.push(text.toString());
			waiting = Buffer.concat([waiting, Buffer.from(left.shift() ?? '')]);
		},
		close: () => undefined,
	};
}

const show = { text: 'show vlan', leaves: /^#$/ };

for (const [what, answer, lines] of [
	['its lines', 'show vlan\r\n1  default\r\n2  other\r\n\r\ntor1#', ['1  default', '2  other', '']],
	['nothing', 'show vlan\r\ntor1#', []],
	['a prompt with a blank behind it', 'show vlan\r\nx\r\ntor1# ', ['x']],
	['an echo that is broken by the end of the line', 'show\r\n vlan\r\nx\r\ntor1#', ['x']],
	['an echo with the cursor moved', 'show vlan\u001b[K\r\n\u001b[0mx\r\ntor1#', ['x']],
	['an echo that was corrected', 'showw\b \b vlan\r\nx\r\ntor1#', ['x']],
	['an earlier prompt once more', '\r\ntor1#show vlan\r\nx\r\ntor1#', ['x']],
	['the log before', '\r\n%LINK-I-Up: gi1/0/3\r\ntor1#show vlan\r\nx\r\ntor1#', ['x']],
	[
		'what looks like a prompt within',
		'show vlan\r\ntor1# is a name\r\n tor1#\r\nx\r\ntor1#',
		['tor1# is a name', ' tor1#', 'x'],
	],
] as const) {
	test(`an answer is ${what}, in whatever pieces it comes`, async t => {
		for (let size = 1; size <= answer.length; size++) {
			// A line that is a prompt and no more cannot be told from one before its end has come.
			if (what.startsWith('what looks') && size < 40) continue;
			const channel = saying('\r\nWelcome\r\n\r\ntor1#', [answer], size);
			const line = await openCommandLine(channel, kind, account, signal);
			t.deepEqual(await line.run(show, signal), [...lines], `pieces of ${size}`);
			t.deepEqual(channel.written, ['show vlan\r']);
			t.true(line.isOpen);
			t.false(line.isUnderWay);
		}
	});
}

test('pages are turned', async t => {
	const channel = saying('tor1#', [
		'show vlan\r\n1\r\n--More--',
		'\r        \r2\r\n--More--',
		'\r        \r3\r\ntor1#',
	]);
	const line = await openCommandLine(channel, kind, account, signal);
	t.deepEqual(await line.run(show, signal), ['1', '2', '3']);
	t.deepEqual(channel.written, ['show vlan\r', ' ', ' ']);
});

test('questions are answered once', async t => {
	const save = { text: 'copy', leaves: /^#$/, questions: [{ asks: /\(y\/n\)$/, answer: 'y' }] };
	const channel = saying('tor1#', [
		'copy\r\nSure? (y/n) ',
		'y\r\nCopied\r\ntor1#\r\ntor1#',
		'show vlan\r\nx\r\ntor1#',
	]);
	const line = await openCommandLine(channel, kind, account, signal);
	t.true((await line.run(save, signal)).includes('Copied'));
	// The prompt for the return behind the answer is nobody's.
	t.deepEqual(await line.run(show, signal), ['x']);
	const again = await openCommandLine(
		saying('tor1#', ['copy\r\nSure? (y/n) ', 'y\r\nSure? (y/n) ']),
		kind,
		account,
		signal,
	);
	await t.throwsAsync(again.run(save, signal), { code: 'SwitchAway', message: /asks .* again/ });
	t.false(again.isOpen);
});

test('a refusal has the words of the switch, and the next command goes on', async t => {
	const channel = saying('tor1#', [
		"show vlan\r\n      ^\r\n% Invalid input at not to be told detected at '^' marker.\r\n\r\ntor1#",
		'show vlan\r\ntor1#',
	]);
	const line = await openCommandLine(channel, kind, account, signal);
	await t.throwsAsync(line.run(show, signal), {
		code: 'SwitchRefused',
		message: "the switch refused 'show vlan': % Invalid input at … detected at '^' marker.",
	});
	t.deepEqual(await line.run(show, signal), []);
});

test('another mode than the command leads to, and the line is not used any more', async t => {
	const channel = saying('tor1#', ['configure\r\ntor1#', 'show vlan\r\ntor1#']);
	const line = await openCommandLine(channel, kind, account, signal);
	const configure = { text: 'configure', leaves: /^\(config\)#$/ };
	await t.throwsAsync(line.run(configure, signal), {
		code: 'SwitchAway',
		message: /is at 'tor1#' after 'configure'/,
	});
	t.false(line.isOpen);
	await t.throwsAsync(line.run(show, signal), { code: 'SwitchAway', message: /not in step/ });
	t.deepEqual(channel.written, ['configure\r']);
});

for (const [what, answer] of [
	['without an echo', 'x\r\ntor1#'],
	['with the echo of another command', 'show version\r\nx\r\ntor1#'],
	['with the prompt of another switch', 'show vlan\r\nx\r\ntor2#'],
	['without a prompt', 'show vlan\r\nx\r\n'],
] as const) {
	test(`an answer ${what} is none`, async t => {
		const line = await openCommandLine(saying('tor1#', [answer, '']), kind, account, signal);
		const late = new AbortController();
		const asked = line.run(show, late.signal);
		setImmediate(() => late.abort(new Error('late')));
		await t.throwsAsync(asked, { message: 'late' });
		t.true(line.isUnderWay);
		t.false(line.isOpen);
	});
}

test('a session that ends is away, with what was said last', async t => {
	const opening = openCommandLine(saying('\r\nToo many sessions\r\n', []), kind, account, signal);
	await t.throwsAsync(opening, { message: /ended the session/ });
});

test('what is not one line of plain characters is no command', async t => {
	const channel = saying('tor1#', []);
	const line = await openCommandLine(channel, kind, account, signal);
	for (const text of ['', 'show\rreload', 'show\nreload', 'show\u0003', 'show ü'])
		await t.throwsAsync(line.run({ text, leaves: /^#$/ }, signal), { instanceOf: TypeError });
	t.deepEqual(channel.written, []);
});

for (const [what, first, answers] of [
	['User Name', '\r\n\r\nUser Name:', ['hil\r\nPassword:', '**************\r\n\r\ntor1#']],
	['User', '\r\n(tor1)\r\nUser:', ['hil\r\nPassword:', '\r\n\r\ntor1>']],
	['Login', '\u001b[0mLogin: ', ['hil\r\nPassword: ', '\r\ntor1#']],
] as const) {
	test(`logs in where the terminal asks for it: ${what}`, async t => {
		const channel = saying(first, answers, 3);
		const line = await openCommandLine(channel, kind, account, signal);
		t.deepEqual(channel.written, ['hil\r', 'not to be told\r']);
		t.regex(line.mode, /^[#>]$/);
	});
}

test('a password is given once', async t => {
	const channel = saying('User:', ['hil\r\nPassword:', '\r\nfailed\r\nUser:', '']);
	const fault = await t.throwsAsync(openCommandLine(channel, kind, account, signal), { code: 'SwitchAway' });
	t.regex(fault?.message ?? '', /does not let hil in/);
	t.deepEqual(channel.written, ['hil\r', 'not to be told\r']);
});
