import { DOMParser, type Element, type Node } from '@xmldom/xmldom';

/** What NETCONF needs of XML: elements with attributes, and inside either elements or text. */
export interface XmlElement {
	/** Without a prefix. */
	readonly name: string;
	/** Empty when there is none; elements that are built inherit their parent's. */
	readonly namespace: string;
	/** By their names as written, without declarations of namespaces. */
	readonly attributes: Readonly<Record<string, string>>;
	readonly children: readonly XmlElement[];
	/** What stands inside, as it is; empty where there are elements. */
	readonly text: string;
}

export class XmlError extends Error {}

/** A tree of a few bytes an element would otherwise take a thousand times its size in memory. */
const mostMarkup = 150_000;
const deepest = 64;

/**
 * Reads a document. Types of documents and entities are refused (RFC 6241, section 3), so that nothing grows beyond
 * what was sent.
 * @throws XmlError
 */
export function parseXml(text: string): XmlElement {
	if (/<!(?:DOCTYPE|ENTITY|ELEMENT|ATTLIST|NOTATION)/i.test(text))
		throw new XmlError('a document type is not allowed');
	let markup = 0;
	for (let at = text.indexOf('<'); at >= 0; at = text.indexOf('<', at + 1)) markup++;
	if (markup > mostMarkup) throw new XmlError(`more than ${mostMarkup} tags`);
	try {
		const parser = new DOMParser({
			locator: false,
			onError: (_level, message) => {
				throw new XmlError(message);
			},
			// xmldom's own takes other characters for ends of lines as well (those of XML 1.1).
			normalizeLineEndings: source => source.replace(/\r\n?/g, '\n'),
		});
		const root = parser.parseFromString(
			text.replace(/^\uFEFF?\s*(?=<\?xml)/, ''),
			'text/xml',
		).documentElement;
		if (!root) throw new XmlError('there is no element');
		return readElement(root, 1);
	} catch (fault) {
		if (fault instanceof XmlError) throw fault;
		const words = fault instanceof Error ? fault.message : String(fault);
		throw new XmlError(words.slice(0, 200), { cause: fault });
	}
}

function readElement(element: Element, depth: number): XmlElement {
	if (depth > deepest) throw new XmlError(`elements inside each other deeper than ${deepest}`);
	const children: XmlElement[] = [];
	const texts: string[] = [];
	for (let node: Node | null = element.firstChild; node; node = node.nextSibling) {
		if (node.nodeType === elementNode) children.push(readElement(node as Element, depth + 1));
		else if (node.nodeType === textNode || node.nodeType === cdataNode) texts.push(node.nodeValue ?? '');
	}
	const attributes = [...element.attributes].filter(({ name }) => !/^xmlns(?::|$)/.test(name));
	return {
		name: element.localName ?? element.tagName,
		namespace: element.namespaceURI ?? '',
		attributes: Object.fromEntries(attributes.map(({ name, value }) => [name, value])),
		children,
		text: children.length > 0 ? '' : texts.join(''),
	};
}

const elementNode = 1;
const textNode = 3;
const cdataNode = 4;

/** An element to be sent: `xml('name', 'ge-0/0/0')`, `xml('unit', [xml('name', '0')], { operation: 'delete' })`. */
export function xml(
	name: string,
	inside: string | readonly (XmlElement | undefined)[] = [],
	attributes: Readonly<Record<string, string>> = {},
): XmlElement {
	const children = typeof inside === 'string' ? [] : inside.filter(child => child !== undefined);
	return { name, namespace: '', attributes, children, text: typeof inside === 'string' ? inside : '' };
}

/**
 * As text without a declaration. The mark of a message's end (`]]>]]>`) cannot come about in it.
 * @throws XmlError for a character that XML 1.0 has no way to write
 */
export function renderXml({ name, attributes, children, text }: XmlElement): string {
	const given = Object.entries(attributes).map(([key, value]) => ` ${key}="${escapeXml(value)}"`);
	const inside = escapeXml(text) + children.map(renderXml).join('');
	return inside === '' ? `<${name}${given.join('')}/>` : `<${name}${given.join('')}>${inside}</${name}>`;
}

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escapeXml(text: string): string {
	// XML 1.0, section 2.2. A lone half of a surrogate pair is no character either.
	if (/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u.test(text))
		throw new XmlError('a character that XML cannot hold');
	return text.replace(/[&<>"\t\n\r]/g, char => escapes[char] ?? `&#${char.charCodeAt(0)};`);
}

/** The first child of a name. */
export const childOf = (element: XmlElement | undefined, name: string): XmlElement | undefined =>
	element?.children.find(child => child.name === name);

export const childrenOf = (element: XmlElement | undefined, name: string): readonly XmlElement[] =>
	element?.children.filter(child => child.name === name) ?? [];

/** The text of the first child of a name, without space at both ends; undefined when there is none. */
export const textOf = (element: XmlElement | undefined, name: string): string | undefined =>
	childOf(element, name)?.text.trim();

/** Every element of a name below this one, however deep. */
export const allBelow = (element: XmlElement, name: string): readonly XmlElement[] =>
	element.children.flatMap(child => [...(child.name === name ? [child] : []), ...allBelow(child, name)]);
