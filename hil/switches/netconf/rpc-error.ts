import { allBelow, childOf, textOf, type XmlElement } from './xml.ts';

/** What a server has against a request, or only warns of (RFC 6241, section 4.3). */
export interface RpcError {
	/** For instance `lock-denied` (RFC 6241, appendix A); empty when it says none. */
	readonly tag: string;
	readonly isWarning: boolean;
	/** In the server's words, on one line: where it is, what is wrong, and with which element. */
	readonly words: string;
	/** Of the session that is in the way. */
	readonly session: string | undefined;
}

/** What a reply complains of, wherever it stands in there: Junos puts errors inside the results of a commit as well. */
export const rpcErrorsOf = (reply: XmlElement): readonly RpcError[] =>
	[...allBelow(reply, 'rpc-error'), ...allBelow(reply, 'error'), ...allBelow(reply, 'warning')]
		.filter(element => element.name === 'rpc-error' || element.namespace === junosErrors)
		.map(readRpcError);

/** Of `xnm:error` and `xnm:warning`, which Junos' own operations may answer with. */
const junosErrors = 'http://xml.juniper.net/xnm/1.1/xnm';
const longestWords = 500;

function readRpcError(element: XmlElement): RpcError {
	const info = childOf(element, 'error-info');
	const severity = textOf(element, 'error-severity') ?? (element.name === 'warning' ? 'warning' : 'error');
	const where = textOf(element, 'error-path') ?? textOf(element, 'edit-path');
	const message = textOf(element, 'error-message') ?? textOf(element, 'message');
	const tag = textOf(element, 'error-tag') ?? '';
	const bad = textOf(info, 'bad-element') ?? textOf(element, 'bad-element');
	const words = [where, message || tag || 'an error without words', bad && `(${bad})`]
		.filter(Boolean)
		.join(' ');
	return {
		tag,
		// What is not plainly a warning is an error.
		isWarning: severity === 'warning',
		words: onOneLine(words),
		session: textOf(info, 'session-id') || undefined,
	};
}

const onOneLine = (words: string): string => {
	// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
	const line = words.replace(/[\u0000-\u0020\u007f-\u009f]+/g, ' ').trim();
	return line.length > longestWords ? `${line.slice(0, longestWords)}…` : line;
};
