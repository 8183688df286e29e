import type { XmlElement } from '../../netconf/xml.ts';

/** What a subtree filter leaves of elements (RFC 6241, section 6.2): containment, selection, and matches of content. */
export function selected(elements: readonly XmlElement[], filter: readonly XmlElement[]): XmlElement[] {
	if (filter.length === 0) return [...elements];
	return elements.flatMap(element => {
		const wanted = filter.filter(({ name }) => name === element.name);
		return wanted.length === 0 ? [] : narrowed(element, wanted);
	});
}

/** Nothing, or the element with what the first filter that it meets asks for. */
function narrowed(element: XmlElement, filters: readonly XmlElement[]): XmlElement[] {
	for (const { children } of filters) {
		const matches = children.filter(isContent);
		const isMet = matches.every(({ name, text }) =>
			element.children.some(child => child.name === name && child.text.trim() === text.trim()),
		);
		if (!isMet) continue;
		const others = children.filter(child => !isContent(child));
		if (others.length === 0) return [element];
		const kept = [...matches, ...others];
		return [{ ...element, children: selected(element.children, kept.map(bare)) }];
	}
	return [];
}

const isContent = ({ children, text }: XmlElement): boolean => children.length === 0 && text.trim() !== '';
/** A match of content selects its element as a whole. */
const bare = (filter: XmlElement): XmlElement => (isContent(filter) ? { ...filter, text: '' } : filter);
