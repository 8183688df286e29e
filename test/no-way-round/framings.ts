/** The ways in which bodies are framed, right ones and wrong ones. */
export const framings = [
	'length',
	'length',
	'length',
	'length',
	'chunked',
	'chunks',
	'extension',
	'trailer',
	'short',
	'long',
	'both',
	'twice',
	'none',
	'bad-size',
] as const;
export type Framing = (typeof framings)[number];

/** Header lines and bytes of a body framed in this way. */
export function frame(how: Framing, body: string): { lines: readonly string[]; bytes: string } {
	const length = `Content-Length: ${body.length}`;
	const coding = 'Transfer-Encoding: chunked';
	const chunk = (text: string, extension = '') =>
		text === '' ? '' : `${text.length.toString(16)}${extension}\r\n${text}\r\n`;
	switch (how) {
		case 'length':
			return { lines: [length], bytes: body };
		case 'chunked':
			return { lines: [coding], bytes: `${chunk(body)}0\r\n\r\n` };
		case 'chunks':
			return { lines: [coding], bytes: `${[...body].map(one => chunk(one)).join('')}0\r\n\r\n` };
		case 'extension':
			return { lines: [coding], bytes: `${chunk(body, ';a="b\\"c";d')}000;e\r\n\r\n` };
		case 'trailer':
			return {
				lines: [coding, 'Trailer: X'],
				bytes: `${chunk(body)}0\r\nX: y\r\nAuthorization: Basic eDp5\r\n\r\n`,
			};
		case 'short':
			return { lines: [`Content-Length: ${Math.max(0, body.length - 3)}`], bytes: body };
		case 'long':
			return { lines: [`Content-Length: ${body.length + 20}`], bytes: body };
		case 'both':
			return { lines: [length, coding], bytes: `${chunk(body)}0\r\n\r\n` };
		case 'twice':
			return { lines: [length, `Content-Length: ${body.length + 1}`], bytes: body };
		case 'none':
			return { lines: [], bytes: body };
		case 'bad-size':
			return { lines: [coding], bytes: `${chunk(body).replace(/^/, '0x')}0\r\n\r\n` };
	}
}
