import { isMap, parseDocument, stringify, YAMLMap } from 'yaml';

/** A BMC's entry in a site file, as enrolment writes it. Paths are relative to the file. */
export interface SiteEntry {
	readonly url: string;
	readonly rack?: string;
	readonly fingerprint: string;
	readonly username: string;
	readonly password: string;
	readonly enrolment: string;
}

function parse(text: string): ReturnType<typeof parseDocument> {
	const document = parseDocument(text);
	const [fault] = document.errors;
	if (fault) throw fault;
	return document;
}

/** What a site file says of a BMC; undefined when it has none of that name. @throws YAMLParseError */
export function siteEntry(text: string, bmc: string): { url?: unknown; password?: unknown } | undefined {
	const found = parse(text).getIn(['bmcs', bmc]);
	return isMap(found) ? (found.toJSON() as { url?: unknown; password?: unknown }) : undefined;
}

/** The site file with the BMC in it; everything else, comments as well, stays as it is. @throws YAMLParseError */
export function withBmc(text: string, bmc: string, entry: SiteEntry): string {
	const document = parse(text);
	const bmcs = document.get('bmcs');
	if (!isMap(bmcs) || bmcs.items.length === 0) document.set('bmcs', new YAMLMap());
	const known = document.getIn(['bmcs', bmc]);
	if (isMap(known)) {
		for (const [key, value] of Object.entries(entry)) {
			if (known.get(key) !== value) known.set(key, value);
		}
	} else document.setIn(['bmcs', bmc], document.createNode(entry));
	return document.toString({ lineWidth: 0 });
}

/** The site file without the BMC. @throws YAMLParseError */
export function withoutBmc(text: string, bmc: string): string {
	const document = parse(text);
	if (!document.hasIn(['bmcs', bmc])) return text;
	document.deleteIn(['bmcs', bmc]);
	return document.toString({ lineWidth: 0 });
}

/** The block to add to a site file by hand. */
export const siteBlock = (bmc: string, entry: SiteEntry): string => stringify({ bmcs: { [bmc]: entry } });
