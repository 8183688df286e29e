import { consoleKindOf } from '../policy/console-paths.ts';
import { patternOf } from './properties.ts';

export interface Suggestion {
	readonly method: string;
	readonly segments: readonly string[];
	/** The table's own variable for a segment, where it has one at that place. */
	readonly variableAt: (index: number) => string | undefined;
	/** Of a PATCH: the properties without a row. */
	readonly properties?: readonly (readonly string[])[];
	/** All who have a say at this site. */
	readonly parties: readonly string[];
}

/**
 * A row of `operations.yaml` that would cover a request, to copy, paste and argue about. It asks for everybody:
 * who wants less has to say so. Undefined when no row could cover it.
 */
export function suggestRow(wanted: Suggestion): string | undefined {
	if (wanted.method === 'WEBSOCKET' && consoleKindOf(wanted.segments) === undefined) return undefined;
	const pattern = patternFor(wanted);
	const properties = wanted.properties?.map(patternOf);
	if (properties?.length === 0) return undefined;
	if (properties?.includes(undefined)) return undefined;
	const what = pattern.replace('/redfish/v1/', '').replace(/\{(\w+)\}/g, '$$$1');
	const name = properties ? `Set ${properties.join(', ')} of ${what}` : `${verbs[wanted.method]} ${what}`;
	return [
		'- type: Operation',
		`  operation: ${quote(name.slice(0, 200))}`,
		`  description: ${quote(`${properties ? 'Set a property' : (verbs[wanted.method] ?? '')} (say here what it does)`)}`,
		`  match: ${wanted.method} ${pattern}`,
		...(properties && properties.length > 0
			? [`  properties: [${properties.map(property => quote(property ?? '')).join(', ')}]`]
			: []),
		`  p2c: ${wanted.parties.join(' and ') || 'closed'}`,
	].join('\n');
}

/** The parties that the table's expressions name, in the order in which it first names them. */
export function partiesNamed(
	operations: readonly {
		readonly authorization: {
			readonly clauses: readonly { authorizations: readonly string[]; policies: readonly string[] }[];
		};
	}[],
): readonly string[] {
	const clauses = operations.flatMap(({ authorization }) => authorization.clauses);
	return [...new Set(clauses.flatMap(({ authorizations, policies }) => [...authorizations, ...policies]))];
}

const verbs: Readonly<Record<string, string>> = {
	GET: 'Get',
	POST: 'Post to',
	PATCH: 'Change',
	PUT: 'Replace',
	DELETE: 'Delete',
	WEBSOCKET: 'Open',
};

/**
 * The path with placeholders: those of the table where its rows have been this way, else by the look of it: what
 * follows a plural, or is a number, is a member's name.
 */
function patternFor({ method, segments, variableAt }: Suggestion): string {
	const used = new Set<string>();
	const parts = segments.map((segment, index) => {
		const own = variableAt(index) ?? guessVariable(segments, index, method);
		if (own === undefined) return segment;
		let name = own;
		for (let n = 2; used.has(name); n++) name = `${own}${n}`;
		used.add(name);
		return `{${name}}`;
	});
	return `/${parts.join('/')}`;
}

const plain = /^[A-Za-z0-9$_~.-]+$/;

function guessVariable(segments: readonly string[], index: number, method: string): string | undefined {
	const segment = segments[index] ?? '';
	const before = segments[index - 1] ?? '';
	if (plain.test(segment) && index < 3) return undefined;
	const isMember =
		/[^s]s$/.test(before) && before !== 'Actions' && !(method === 'POST' && segment.includes('.'));
	if (!isMember && plain.test(segment) && !/^\d+$/.test(segment)) return undefined;
	const singular = before.replace(/ies$/, 'y').replace(/s$/, '');
	const name = singular.charAt(0).toLowerCase() + singular.slice(1).replace(/\W/g, '');
	return /^[a-z]\w*$/i.test(name) ? name : 'id';
}

/** A YAML scalar in double quotes is a JSON string. */
const quote = (text: string): string => (/^[A-Za-z][\w .]*$/.test(text) ? text : JSON.stringify(text));

/** For people: what has no row, and the row to write. */
export function describeUnknown({
	reason,
	row,
}: {
	readonly reason: string;
	readonly row: string | undefined;
}): string {
	return row === undefined
		? `${reason}.`
		: `${reason}; unknown is denied. A row that would cover it, for operations.yaml, with a p2c that asks for everybody:\n${row}`;
}
