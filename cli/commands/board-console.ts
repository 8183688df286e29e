import type { CliContext } from '../context.ts';
import { visible } from '../visible.ts';

/** Whole lines of the board's console, without what could steer the terminal. */
export function boardConsole({ stderr }: CliContext): (bytes: Buffer) => void {
	let rest = '';
	return bytes => {
		const lines = (rest + bytes.toString('latin1')).split('\n');
		rest = (lines.pop() ?? '').slice(-4096);
		for (const line of lines) stderr.write(`  | ${visible(line.replaceAll('\r', ''))}\n`);
	};
}
