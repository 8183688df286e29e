import type { AnyAuthMethod, AuthHandlerMiddleware, KeyboardInteractiveCallback, Prompt } from 'ssh2';

interface Login {
	readonly username: string;
	readonly password?: string | undefined;
	readonly privateKey?: string | undefined;
}

/**
 * Offers what there is, each once: nothing (which switches take that ask within the terminal), the private key, the
 * password, and the password as the answer to one unechoed question of keyboard-interactive (RFC 4256).
 */
export function sshLogin({ username, password, privateKey }: Login): AuthHandlerMiddleware {
	const ways: AnyAuthMethod[] = [{ type: 'none', username }];
	if (privateKey !== undefined) ways.push({ type: 'publickey', username, key: privateKey });
	if (password !== undefined) {
		ways.push({ type: 'password', username, password });
		ways.push({ type: 'keyboard-interactive', username, prompt: answerOnce(password) });
	}
	return (left, _isPartial, next) => {
		// Before the first try nobody has said what is taken. After it, only that is tried: some count tries.
		const taken: readonly string[] | null = left;
		let way = ways.shift();
		while (way && way.type !== 'none' && taken && !taken.includes(way.type)) way = ways.shift();
		// What ssh2 takes for the end of the list; its types forget it.
		next(way ?? (false as never));
	};
}

function answerOnce(password: string) {
	let isSaid = false;
	return (
		_name: string,
		_text: string,
		_language: string,
		prompts: readonly Prompt[],
		answer: KeyboardInteractiveCallback,
	): void => {
		const [prompt] = prompts;
		const isAsked = prompts.length === 1 && prompt?.echo === false && !isSaid;
		if (isAsked) isSaid = true;
		// A request without prompts is answered with nothing (RFC 4256, section 3.4); other questions are not for us.
		answer(prompts.map(() => (isAsked ? password : '')));
	};
}
