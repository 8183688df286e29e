/**
 * Text from elsewhere (BMCs, other parties' operators) made safe to show: control and direction-changing
 * characters would let it rewrite the terminal, so that an approver sees another request than the one asked
 * for. Line breaks and tabs stay only where `multiline` says so.
 */
export function visible(text: string, { multiline = false } = {}): string {
	return text.replace(hidden, character => {
		if (multiline && (character === '\n' || character === '\t')) return character;
		return Array.from({ length: character.length }, (_, at) => escaped(character.charCodeAt(at))).join('');
	});
}

// Control, format (bidirectional, zero-width), separator and lone surrogate characters.
const hidden = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** A JSON document over several lines, safe to show and still the same JSON. */
export function visibleJson(value: unknown): string {
	return visible(JSON.stringify(value, null, 2) ?? 'null', { multiline: true });
}

function escaped(unit: number): string {
	return `\\u${unit.toString(16).padStart(4, '0')}`;
}
