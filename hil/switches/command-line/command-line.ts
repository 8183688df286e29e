import { BimetalError } from '../../../common/errors/bimetal-error.ts';
import { hilErrors } from '../../errors.ts';
import type { SshChannel } from '../transport/ssh-channel.ts';
import { createScreen } from './screen.ts';

/** How a kind of command line is told to go on, and how it says no. */
export interface CommandLineKind {
	/** The line at which it waits for a key before it shows more. */
	readonly pager: RegExp;
	isRefusal(line: string): boolean;
}

export interface Account {
	readonly username: string;
	readonly password: string;
}

export interface Question {
	readonly asks: RegExp;
	/** Sent with a return behind it. */
	readonly answer: string;
}

export interface Command {
	readonly text: string;
	/** What the prompt has behind the switch's name afterwards, for instance `#` or `(config-if)#`. */
	readonly leaves: RegExp;
	/** What it may ask; each is answered once. */
	readonly questions?: readonly Question[];
	/** Lines by which it says that it has failed, besides those that are always refusals. */
	readonly fails?: RegExp;
}

/** A terminal at which commands are given one after the other. */
export interface CommandLine {
	/** What the prompt has behind the switch's name. */
	readonly mode: string;
	readonly isOpen: boolean;
	/**
	 * Gives a command; what it says, line by line, once the prompt is back that it must leave.
	 * @throws SwitchRefused with the switch's words; SwitchAway when it ends, or answers what no such switch answers;
	 * the signal's reason. After either of the last two no other command can be given.
	 */
	run(command: Command, signal: AbortSignal): Promise<readonly string[]>;
	/** A command was sent whose prompt is not back. */
	readonly isUnderWay: boolean;
	/** Resolves when the command that was given up has come to its end, or none ever will. */
	settle(signal: AbortSignal): Promise<void>;
}

/** Characters of one answer. */
const largestAnswer = 1024 * 1024;
/** Earlier prompts, and what the switch writes by itself. */
const linesBeforeEcho = 50;
const firstPrompt = /^([A-Za-z0-9][\w.@:/-]{0,62})([>#])$/;
const asksUsername = /\b(?:user ?name|login|user)\s*:$/i;
const asksPassword = /\bpassword\s*:$/i;

/**
 * Waits for a prompt, and logs in where the terminal itself asks. An answer counts only when the command was echoed and
 * the prompt came back in the mode that the command leads to: one who is out of step is left, not guessed at.
 */
export async function openCommandLine(
	channel: SshChannel,
	kind: CommandLineKind,
	account: Account,
	signal: AbortSignal,
): Promise<CommandLine> {
	const screen = createScreen();
	let name = '';
	let prompt = '';
	let isBroken = false;
	let underWay:
		| { readonly command: Command; readonly asked: Set<Question>; begin?: number | undefined }
		| undefined;

	async function more(until: AbortSignal): Promise<void> {
		if (screen.size > largestAnswer) throw broken('says more than can be an answer');
		try {
			screen.write(await channel.read(until));
		} catch (fault) {
			isBroken = true;
			const words = speakable(screen.lines, account);
			if (!(fault instanceof BimetalError) || words === '') throw fault;
			throw hilErrors.SwitchAway(`${fault.message}: ${words}`, { cause: fault });
		}
	}

	function broken(why: string): Error {
		isBroken = true;
		return hilErrors.SwitchAway(`the command line of the switch ${why}`);
	}

	const modeIn = (line: string): string | undefined =>
		name !== '' && line.startsWith(name) && /^(\([^()]*\))?[>#]$/.test(line.slice(name.length))
			? line.slice(name.length)
			: undefined;

	async function logIn(): Promise<void> {
		const asked = { username: false, password: false };
		for (;;) {
			const line = screen.current;
			const found = firstPrompt.exec(line);
			if (found) {
				name = found[1] ?? '';
				prompt = line;
				return;
			}
			const what = asksPassword.test(line) ? 'password' : asksUsername.test(line) ? 'username' : undefined;
			if (what) {
				if (asked[what]) throw broken(`does not let ${account.username} in`);
				asked[what] = true;
				screen.clearCurrent();
				await channel.write(`${account[what]}\r`, signal);
			}
			await more(signal);
		}
	}

	async function run(command: Command, until: AbortSignal): Promise<readonly string[]> {
		until.throwIfAborted();
		if (isBroken) throw broken('is not in step');
		if (!/^[ -~]+$/.test(command.text)) throw new TypeError('a command has one line of plain characters');
		screen.clear();
		underWay = { command, asked: new Set() };
		// Until its prompt is back, nobody knows what comes next.
		isBroken = true;
		await channel.write(`${command.text}\r`, until);
		return finish(underWay, until);
	}

	async function finish(of: NonNullable<typeof underWay>, until: AbortSignal): Promise<readonly string[]> {
		const { text, questions = [] } = of.command;
		for (;;) {
			of.begin ??= endOfEcho(screen.lines, prompt, text);
			const line = screen.current;
			const mode = modeIn(line);
			const question = questions.find(each => each.asks.test(line));
			if (of.begin === undefined && screen.lines.length > linesBeforeEcho)
				throw broken('does not echo commands');
			if (of.begin === undefined) await more(until);
			else if (kind.pager.test(line)) {
				screen.clearCurrent();
				await channel.write(' ', until);
			} else if (question) {
				if (of.asked.has(question)) throw broken(`asks '${line}' again after '${text}'`);
				of.asked.add(question);
				screen.clearCurrent();
				await channel.write(`${question.answer}\r`, until);
			} else if (mode === undefined) await more(until);
			else {
				underWay = undefined;
				prompt = line;
				return answerOf(of.command, mode, screen.lines.slice(of.begin));
			}
		}
	}

	function answerOf(
		{ text, leaves, fails }: Command,
		mode: string,
		lines: readonly string[],
	): readonly string[] {
		const refusals = lines.filter(line => kind.isRefusal(line) || fails?.test(line));
		if (refusals.length > 0) {
			isBroken = false;
			throw hilErrors.SwitchRefused(`the switch refused '${text}': ${speakable(refusals, account)}`);
		}
		if (!leaves.test(mode)) throw broken(`is at '${prompt}' after '${text}'`);
		isBroken = false;
		return lines.filter(line => !kind.pager.test(line));
	}

	await logIn();
	return {
		get mode() {
			return modeIn(prompt) ?? '';
		},
		get isOpen() {
			return !isBroken && channel.isOpen;
		},
		get isUnderWay() {
			return underWay !== undefined;
		},
		run,
		async settle(until) {
			// When it ends instead, the command has ended with it.
			if (underWay) await finish(underWay, until).catch(() => undefined);
		},
	};
}

/** The first line behind the command's echo, which some switches break to fit their idea of a line. */
function endOfEcho(lines: readonly string[], prompt: string, text: string): number | undefined {
	const wanted = [squeezed(prompt + text), squeezed(text)];
	for (let end = 1; end <= lines.length; end++) {
		for (let start = end - 1; start >= Math.max(0, end - 8); start--) {
			if (wanted.includes(squeezed(lines.slice(start, end).join('')))) return end;
		}
	}
	return undefined;
}

const squeezed = (text: string): string => text.replace(/\s+/g, '');

/** What a switch said, in one line and without what the account is known by. */
function speakable(lines: readonly string[], { password }: Account): string {
	const words = lines.map(line => line.trim()).filter(line => line !== '' && line !== '^');
	return words.join(' ').replaceAll(password, '…').slice(0, 400);
}

/** Commands one after the other, of which only their being taken matters. */
export async function give(
	line: CommandLine,
	commands: readonly Command[],
	signal: AbortSignal,
): Promise<void> {
	for (const command of commands) await line.run(command, signal);
}
