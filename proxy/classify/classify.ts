import type { CanonicalRequest, JsonValue } from '../canonicalise/canonical-request.ts';
import type { Operation, PolicySet, RequestPattern } from '../policy/policy-set.ts';

/** What a request is, in the words of the authorization table. Unknown is denied. */
export type Classification =
	| {
			readonly kind: 'known';
			/** Every row the request falls under; it must satisfy each of them. Never empty. */
			readonly operations: readonly Operation[];
	  }
	| {
			readonly kind: 'unknown';
			/** For people: what is missing in the table. */
			readonly reason: string;
			/** The `match:` line that a row would need, and for PATCH its `properties:`. */
			readonly row: string;
	  };

export type Classify = (request: CanonicalRequest) => Classification;

interface Node {
	readonly literals: Map<string, Node>;
	variable: Node | undefined;
	/** Rows whose pattern ends here. */
	readonly exact: Operation[];
	/** Rows whose pattern ends here in `**`. */
	readonly rest: Operation[];
}

const newNode = (): Node => ({ literals: new Map(), variable: undefined, exact: [], rest: [] });

/**
 * Compiles the table into a tree per method. The most specific pattern wins, segment by segment: a literal
 * before a variable before `**`; so a row for one resource always overrides a row for its folder.
 */
export function compileClassifier(policies: PolicySet): Classify {
	const trees = new Map<string, Node>();
	for (const operation of policies.operations) {
		for (const pattern of operation.matches) insert(treeOf(trees, pattern.method), pattern, operation);
	}
	return request => {
		const method = request.method === 'HEAD' ? 'GET' : request.method;
		const tree = trees.get(method);
		const rows = tree ? find(tree, request.segments, 0) : undefined;
		if (!rows) {
			return {
				kind: 'unknown',
				reason: `no row of the authorization table covers ${method} ${request.path}`,
				row: `match: ${method} ${request.path}`,
			};
		}
		return method === 'PATCH' ? coverProperties(request, rows) : { kind: 'known', operations: rows };
	};
}

function treeOf(trees: Map<string, Node>, method: string): Node {
	let tree = trees.get(method);
	if (!tree) {
		tree = newNode();
		trees.set(method, tree);
	}
	return tree;
}

function insert(tree: Node, pattern: RequestPattern, operation: Operation): void {
	let node = tree;
	for (const segment of pattern.segments) {
		if (segment.kind === 'rest') {
			node.rest.push(operation);
			return;
		}
		if (segment.kind === 'variable') {
			node.variable ??= newNode();
			node = node.variable;
		} else {
			let next = node.literals.get(segment.text);
			if (!next) {
				next = newNode();
				node.literals.set(segment.text, next);
			}
			node = next;
		}
	}
	node.exact.push(operation);
}

/** Depth-first with the more specific branch first; the depth is the pattern's, so it is bounded by the table. */
function find(node: Node, segments: readonly string[], at: number): readonly Operation[] | undefined {
	const segment = segments[at];
	if (segment === undefined) return node.exact.length > 0 ? node.exact : undefined;
	const literal = node.literals.get(segment);
	const found =
		(literal && find(literal, segments, at + 1)) ?? (node.variable && find(node.variable, segments, at + 1));
	return found ?? (node.rest.length > 0 ? node.rest : undefined);
}

/**
 * A PATCH is authorized per property (one call can span power, boot and TPM): every property that the body
 * names must be covered, and all rows that cover one apply.
 */
function coverProperties(request: CanonicalRequest, rows: readonly Operation[]): Classification {
	const missing: string[] = [];
	const taken = new Set<Operation>();
	for (const path of propertyPaths(request.body)) {
		const covering = rows.filter(row => row.properties === undefined || covers(row.properties, path));
		if (covering.length === 0) missing.push(path.join('.'));
		for (const row of covering) taken.add(row);
	}
	if (missing.length > 0 || taken.size === 0) {
		const names = missing.length > 0 ? missing : ['(none)'];
		return {
			kind: 'unknown',
			reason: `no row of the authorization table covers ${names.join(', ')} in a PATCH of ${request.path}`,
			row: `match: PATCH ${request.path}, properties: [${missing.join(', ')}]`,
		};
	}
	return { kind: 'known', operations: rows.filter(row => taken.has(row)) };
}

/**
 * The paths of all leaves of a PATCH body. An array is a leaf: Redfish replaces array properties whole. So is
 * an empty object, which would otherwise slip through unclassified.
 */
export function propertyPaths(body: JsonValue | undefined): string[][] {
	const paths: string[][] = [];
	const visit = (value: JsonValue, path: string[]): void => {
		const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
		const entries = isObject ? Object.entries(value) : [];
		if (entries.length === 0) paths.push(path);
		for (const [name, child] of entries) visit(child, [...path, name]);
	};
	if (typeof body === 'object' && body !== null && !Array.isArray(body)) {
		for (const [name, value] of Object.entries(body)) visit(value, [name]);
	}
	return paths;
}

/** `Boot.*` covers everything below Boot, and nothing but what lies below. */
export function covers(patterns: readonly string[], path: readonly string[]): boolean {
	// A name with a dot in it would read like a nested property: such a body is never covered.
	if (path.some(name => name.includes('.') && !name.includes('@'))) return false;
	const dotted = path.join('.');
	return patterns.some(pattern =>
		pattern.endsWith('.*') ? dotted.startsWith(pattern.slice(0, -1)) : pattern === dotted,
	);
}
