import type { ServerChannel } from 'ssh2';

/** How a device's terminal looks. */
export interface TerminalLook {
	/** What it writes where it waits for a key before it goes on. */
	readonly pager: string;
	/** What takes that away again. */
	readonly pagerGone: string;
	/** Lines until then. */
	readonly page: number;
}

export interface Terminal {
	/** The next line, echoed unless it is hidden. */
	readLine(prompt: string, echo?: 'plain' | 'stars' | 'none'): Promise<string>;
	/** The next key, echoed. */
	readKey(prompt: string): Promise<string>;
	/** Lines, in pages unless told otherwise. */
	print(lines: readonly string[], isPaged: boolean): Promise<void>;
	/** As it is. */
	write(text: string | Buffer): void;
	hangUp(): void;
}

/** Never resolves once the channel has gone: nothing more is done then. */
export function createTerminal(channel: ServerChannel, look: TerminalLook): Terminal {
	let typed = '';
	let wake = (): void => undefined;
	let isGone = false;
	channel.on('data', (bytes: Buffer) => {
		typed += bytes.toString('latin1');
		wake();
	});
	channel.on('close', () => {
		isGone = true;
	});
	channel.on('end', () => {
		isGone = true;
	});

	async function key(): Promise<string> {
		while (isGone || typed === '') await new Promise<void>(resolve => (wake = resolve));
		const first = typed[0] ?? '';
		typed = typed.slice(1);
		return first;
	}
	/** What has not been sent: one packet for each key would keep both ends busy. */
	let unsent: Buffer[] = [];
	const flush = (): void => {
		if (!isGone && unsent.length > 0) channel.write(Buffer.concat(unsent));
		unsent = [];
	};
	const write = (text: string | Buffer): void => {
		if (unsent.length === 0) setImmediate(flush);
		unsent.push(Buffer.from(text));
	};

	return {
		write,
		async readLine(prompt, echo = 'plain') {
			write(prompt);
			let line = '';
			for (;;) {
				const next = await key();
				if (next === '\r') {
					write('\r\n');
					return line;
				}
				if (next === '\b' || next === '\u007f') {
					if (line !== '' && echo === 'plain') write('\b \b');
					line = line.slice(0, -1);
				} else if (next >= ' ') {
					line += next;
					if (echo !== 'none') write(echo === 'plain' ? next : '*');
				}
			}
		},
		async readKey(prompt) {
			write(prompt);
			const next = await key();
			write(`${next}\r\n`);
			return next;
		},
		async print(lines, isPaged) {
			let shown = 0;
			for (const line of lines) {
				if (isPaged && shown === look.page) {
					write(look.pager);
					const next = await key();
					write(look.pagerGone);
					if (next === 'q') return;
					shown = next === '\r' ? shown - 1 : 0;
				}
				write(`${line}\r\n`);
				shown++;
			}
		},
		hangUp() {
			flush();
			isGone = true;
			channel.end();
		},
	};
}
