import test from 'ava';
import type { Command } from 'commander';
import { exitCodes } from './exit-codes.ts';
import { createProgram } from './program.ts';
import { createTerminal } from './test-terminal.ts';

/** `up` has a module and tests of its own. */
async function commands(): Promise<string[][]> {
	const program = await createProgram(createTerminal().context, [], () => undefined);
	return program.commands
		.filter(command => !['up', 'help', 'exit-codes', '__complete'].includes(command.name()))
		.flatMap(withOwn);
}

const withOwn = (command: Command): string[][] => [
	[command.name()],
	...command.commands
		.filter(sub => sub.name() !== 'help' && command.createHelp().visibleCommands(command).includes(sub))
		.flatMap(withOwn)
		.map(names => [command.name(), ...names]),
];

/** Commands that only hold others. */
const groups = [
	'policy',
	'audit',
	'bmc',
	'backup',
	'party',
	'operator',
	'agreement',
	'qemu',
	'qemu rack',
	'qemu firmware',
	'attest passages',
	'hil forget',
	'hil user',
	'node',
	'network',
	'project',
	'switch',
	'image',
	'disk',
	'operation',
	'offer',
	'bid',
	'lease',
	'credits',
];

test('golden help', async t => {
	t.snapshot((await createTerminal().run('--help')).out, 'bimetal');
	for (const command of await commands()) {
		const ran = await createTerminal().run(...command, '--help');
		t.is(ran.code, 0);
		t.is(ran.err, '');
		t.snapshot(ran.out, command.join(' '));
	}
});

test('every command that does something has examples', async t => {
	for (const command of await commands()) {
		if (groups.includes(command.join(' '))) continue;
		t.regex((await createTerminal().run(...command, '--help')).out, /Examples:\n {2}\S/, command.join(' '));
	}
});

test('every command but those that print no result takes --json', async t => {
	for (const command of await commands()) {
		if (
			[
				'proxy',
				'hil',
				'provisioner',
				'attest',
				'market',
				'completion',
				'qemu rack console',
				...groups,
			].includes(command.join(' '))
		)
			continue;
		t.regex((await createTerminal().run(...command, '--help')).out, /--json/, command.join(' '));
	}
});

test('no command takes a password as an argument', async t => {
	for (const command of await commands()) {
		const { out } = await createTerminal().run(...command, '--help');
		t.notRegex(out, /--(password|token|secret)[ =]</, command.join(' '));
	}
});

test('exit codes are documented and distinct', async t => {
	const ran = await createTerminal().run('help', 'exit-codes');
	t.is(ran.code, 0);
	for (const { code, meaning } of Object.values(exitCodes)) t.true(ran.out.includes(`${code}  ${meaning}`));
	const codes = Object.values(exitCodes).map(({ code }) => code);
	t.is(new Set(codes).size, codes.length);
});

test('help of a command in both ways; help of what is not a command is a usage error', async t => {
	const [a, b] = [
		await createTerminal().run('help', 'approve'),
		await createTerminal().run('approve', '--help'),
	];
	t.is(a.out, b.out);
	t.is((await createTerminal().run()).code, 2);
	t.is((await createTerminal().run('--version')).code, 0);
	t.is(
		JSON.parse((await createTerminal().run('version', '--json')).out).bimetal,
		(await createTerminal().run('version')).out.trim(),
	);
});
