/**
 * The word of `known` that `word` was probably meant to be; undefined when none is near: more than a third of
 * the letters would have to change. Letter case counts as nothing, so `State` is found for `state`.
 */
export function nearest(word: string, known: readonly string[]): string | undefined {
	if (word.length > 100) return undefined;
	const lower = word.toLowerCase();
	let best: { word: string; distance: number } | undefined;
	for (const candidate of known) {
		const distance = editDistance(lower, candidate.toLowerCase());
		const limit = Math.max(1, Math.floor(Math.max(word.length, candidate.length) / 3));
		if (distance <= limit && (best === undefined || distance < best.distance)) {
			best = { word: candidate, distance };
		}
	}
	return best?.word;
}

/** Insertions, deletions, replacements and swaps of neighbours, each counted once (optimal string alignment). */
function editDistance(a: string, b: string): number {
	let beforeLast: number[] = [];
	let last = Array.from({ length: b.length + 1 }, (_, column) => column);
	for (let i = 1; i <= a.length; i++) {
		const row = [i];
		for (let j = 1; j <= b.length; j++) {
			const same = a[i - 1] === b[j - 1] ? 0 : 1;
			let cost = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + same);
			if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
				cost = Math.min(cost, at(beforeLast, j - 2) + 1);
			}
			row.push(cost);
		}
		beforeLast = last;
		last = row;
	}
	return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
	return row[index] ?? Number.POSITIVE_INFINITY;
}
