import type { CliContext } from './context.ts';

/** On a terminal one line that is rewritten, with the time passed; elsewhere a line whenever it changes. */
export function progressLine(context: CliContext) {
	const { stderr, clock } = context;
	const start = clock.now();
	let shown = '';
	return {
		show(text: string) {
			if (stderr.isTTY) stderr.write(`\r\x1b[K${text}… ${Math.round((clock.now() - start) / 1000)} s`);
			else if (text !== shown) stderr.write(`${text}…\n`);
			shown = text;
		},
		end() {
			if (stderr.isTTY) stderr.write('\r\x1b[K');
		},
	};
}
