import type { CliContext } from '../context.ts';
import { progressLine } from '../progress.ts';

const width = 24;

/** `1.5 GB`, in powers of ten; up to three digits count. */
export function bytesText(bytes: number): string {
	const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
	let value = bytes;
	let unit = 0;
	for (; value >= 999.5 && unit < units.length - 1; unit++) value /= 1000;
	return `${unit === 0 || value >= 99.5 ? Math.round(value) : Number(value.toPrecision(2))} ${units[unit]}`;
}

/** A bar of which so much is full, from 0 to 1. */
export function barText(share: number): string {
	const full = Math.round(Math.min(1, share) * width);
	return `${'█'.repeat(full)}${'░'.repeat(width - full)}`;
}

/** How much is done, of bytes; or of a hundred. */
export function amountText(done: number, total: number | null): string {
	if (total === 100) return `${Math.round(done)} %`;
	return total === null ? bytesText(done) : `${bytesText(done)} of ${bytesText(total)}`;
}

/** On a terminal a bar that fills; elsewhere a line for each tenth. */
export function progressBar(context: CliContext) {
	const line = progressLine(context);
	const isTerminal = Boolean(context.stderr.isTTY);
	return {
		/** In any unit that `text` writes; total null: not known. */
		show(label: string, done: number, total: number | null, text: (amount: number) => string = bytesText) {
			if (total === null || total === 0) {
				line.show(isTerminal ? `${label} ${text(done)}` : label);
				return;
			}
			const share = Math.min(1, done / total);
			if (!isTerminal) {
				line.show(`${label} ${Math.floor(share * 10) * 10} % of ${text(total)}`);
				return;
			}
			line.show(`${label} ${barText(share)} ${Math.floor(share * 100)} %, ${text(done)} of ${text(total)}`);
		},
		say: (label: string) => line.show(label),
		end: () => line.end(),
	};
}
