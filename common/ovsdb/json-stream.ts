/** Bytes of one message; OVSDB's whole content of a rack is far smaller. */
const longest = 4 * 1024 * 1024;

/**
 * Cuts a stream into JSON objects. OVSDB sends them one after the other with nothing between (RFC 7047 section 4: the
 * transport is a plain stream), so their ends are found by counting braces outside of strings.
 *
 * The returned function takes bytes as they come. Throws a SyntaxError on what is no JSON object, a RangeError on one
 * of more than 4 MiB.
 */
export function createJsonStream(take: (value: unknown) => void): (bytes: Buffer) => void {
	const decoder = new TextDecoder('utf-8', { fatal: true });
	let text = '';
	/** Up to where `text` has been looked at. */
	let at = 0;
	let depth = 0;
	let isInString = false;
	let isEscaped = false;

	return bytes => {
		text += decoder.decode(bytes, { stream: true });
		for (; at < text.length; at++) {
			const character = text[at];
			if (isEscaped) isEscaped = false;
			else if (isInString) {
				if (character === '\\') isEscaped = true;
				else if (character === '"') isInString = false;
			} else if (character === '{') depth++;
			else if (character === '}' && depth > 0) {
				depth--;
				if (depth === 0) {
					const whole = text.slice(0, at + 1);
					text = text.slice(at + 1);
					at = -1;
					take(JSON.parse(whole));
				}
			} else if (depth === 0) {
				if (character?.trim() !== '') throw new SyntaxError(`no JSON object begins with ${character}`);
			} else if (character === '"') isInString = true;
		}
		if (text.length > longest) throw new RangeError('a JSON object of more than 4 MiB');
	};
}
