import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { BimetalError } from '../common/errors/bimetal-error.ts';
import type { CliContext } from './context.ts';
import { hinted, usageError } from './failure.ts';

/** Asks for a secret on the terminal; what is typed is not shown. `instead`: the options that say it where there is none. */
export async function askSecret(
	context: CliContext,
	question: string,
	instead = '--password-file FILE',
): Promise<string> {
	if (!context.stdin.isTTY) {
		throw usageError('there is no terminal to ask for it', instead);
	}
	const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
	context.stderr.write(question);
	try {
		return await readLine(context, silent);
	} finally {
		context.stderr.write('\n');
	}
}

/** Asks a yes-or-no question on the terminal; anything but a clear yes is no. */
export async function confirm(context: CliContext, question: string): Promise<boolean> {
	context.stderr.write(`${question} [y/N] `);
	const answer = await readLine(context, context.stderr);
	return /^y(es)?$/i.test(answer.trim());
}

function readLine(context: CliContext, output: Writable): Promise<string> {
	return new Promise((resolve, reject) => {
		const lines = createInterface({
			input: context.stdin,
			output,
			terminal: Boolean(context.stdin.isTTY),
			historySize: 0,
		});
		let line: string | undefined;
		lines.once('line', text => {
			line = text;
			lines.close();
		});
		lines.once('SIGINT', () => lines.close());
		lines.once('close', () => {
			if (line !== undefined) resolve(line);
			else
				reject(
					hinted(
						new BimetalError('Interrupted', 'interrupted; nothing was done'),
						'it again when you are ready',
					),
				);
		});
	});
}

/** All of standard input, as text. */
export async function readStandardInput(context: CliContext): Promise<string> {
	const chunks: Buffer[] = [];
	for await (const chunk of context.stdin) chunks.push(Buffer.from(chunk));
	return Buffer.concat(chunks).toString('utf8');
}
