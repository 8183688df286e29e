/** Beyond this many lines a change is shown whole: the table of differences would be too large. */
const mostLines = 2000;
const context = 2;

/** Lines that a change removes (`-`) and adds (`+`), with two lines around them; `…` where others are left out. */
export function lineDifferences(before: string, after: string): string[] {
	const [old, next] = [linesOf(before), linesOf(after)];
	if (old.length > mostLines || next.length > mostLines)
		return [...old.map(line => `-${line}`), ...next.map(line => `+${line}`)];
	const marked = mark(old, next);
	const isNear = (at: number): boolean =>
		marked.slice(Math.max(0, at - context), at + context + 1).some(line => !line.startsWith(' '));
	const shown: string[] = [];
	for (const [at, line] of marked.entries()) {
		if (isNear(at)) shown.push(line);
		else if (shown.at(-1) !== '…') shown.push('…');
	}
	return shown;
}

const linesOf = (text: string): string[] => (text === '' ? [] : text.replace(/\n$/, '').split('\n'));

/** By the longest common subsequence. */
function mark(old: readonly string[], next: readonly string[]): string[] {
	const width = next.length + 1;
	const length = new Uint16Array((old.length + 1) * width);
	const at = (i: number, j: number): number => length[i * width + j] ?? 0;
	for (let i = old.length - 1; i >= 0; i--) {
		for (let j = next.length - 1; j >= 0; j--) {
			length[i * width + j] =
				old[i] === next[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
		}
	}
	const marked: string[] = [];
	let [i, j] = [0, 0];
	while (i < old.length || j < next.length) {
		if (i < old.length && j < next.length && old[i] === next[j]) {
			marked.push(` ${old[i++]}`);
			j++;
		} else if (i < old.length && (j === next.length || at(i + 1, j) >= at(i, j + 1)))
			marked.push(`-${old[i++]}`);
		else marked.push(`+${next[j++]}`);
	}
	return marked;
}
