import type { CanonicalRequest } from '../canonicalise/canonical-request.ts';
import type { Operation, PolicySet, RequestPattern } from '../policy/policy-set.ts';
import { covers, embeddedResource, propertyPaths } from './properties.ts';
import { partiesNamed, suggestRow } from './suggest-row.ts';

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
			/** A row for `operations.yaml`, in YAML, that would cover it; undefined when none could. */
			readonly row: string | undefined;
	  }
	/**
	 * The resource is there, what is asked of it is not: 405 (DSP0266, "Modification error responses"). A
	 * collection is created in and read, never changed itself.
	 */
	| {
			readonly kind: 'not-offered';
			readonly reason: string;
			readonly row: string | undefined;
			/** What is offered, in the order of Redfish; for the Allow header. */
			readonly methods: readonly string[];
	  };

export interface Classify {
	(request: CanonicalRequest): Classification;
	/** For which methods there are rows that cover the path, in the order of Redfish; for the Allow header. */
	methodsAt(segments: readonly string[]): readonly string[];
}

interface Node {
	readonly literals: Map<string, Node>;
	variable: Node | undefined;
	/** How the first row that has a variable here calls it. */
	variableName: string | undefined;
	/** Rows whose pattern ends here. */
	readonly exact: Operation[];
	/** Rows whose pattern ends here in `**`. */
	readonly rest: Operation[];
}

const newNode = (): Node => ({
	literals: new Map(),
	variable: undefined,
	variableName: undefined,
	exact: [],
	rest: [],
});

/**
 * Compiles the table into a tree per method. The most specific pattern wins, segment by segment: a literal
 * before a variable before `**`; so a row for one resource always overrides a row for its folder.
 */
export function compileClassifier(policies: PolicySet): Classify {
	const trees = new Map<string, Node>();
	for (const operation of policies.operations) {
		for (const pattern of operation.matches) insert(treeOf(trees, pattern.method), pattern, operation);
	}
	/** Every resource that some row is about, whatever its method. */
	const resources = newNode();
	for (const operation of policies.operations) {
		for (const pattern of operation.matches) insert(resources, pattern, operation);
	}
	const parties = partiesNamed(policies.operations);

	const unknown = (
		{ path, segments }: CanonicalRequest,
		method: string,
		properties?: readonly (readonly string[])[],
	): Classification & { kind: 'unknown' } => {
		const names = properties?.map(names => names.join('.')).join(', ');
		return {
			kind: 'unknown',
			reason:
				names === undefined
					? `no row of the authorization table covers ${method} ${path}`
					: names === ''
						? `a PATCH of ${path} that sets no property is covered by no row`
						: `no row of the authorization table covers ${names} in a PATCH of ${path}`,
			row: suggestRow({
				method,
				segments,
				variableAt: index => variableAt(resources, segments, index),
				...(properties && { properties }),
				parties,
			}),
		};
	};

	const methodsAt = (segments: readonly string[]): string[] =>
		['GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE'].filter(method =>
			find(treeOf(trees, method === 'HEAD' ? 'GET' : method), segments, 0),
		);

	const classify = (request: CanonicalRequest): Classification => {
		const method = request.method === 'HEAD' ? 'GET' : request.method;
		const tree = trees.get(method);
		const rows = tree ? find(tree, request.segments, 0) : undefined;
		if (!rows) {
			const isCollection = nodesAt(resources, request.segments).some(node => node.variable !== undefined);
			if (isCollection && (method === 'PATCH' || method === 'PUT')) {
				return {
					kind: 'not-offered',
					reason: `${request.path} is a collection, which ${method} cannot change; change its members one by one`,
					row: undefined,
					methods: methodsAt(request.segments),
				};
			}
			const methods = methodsAt(request.segments);
			if (methods.length > 0) return { ...unknown(request, method), kind: 'not-offered', methods };
			return unknown(request, method, method === 'PATCH' ? propertyPaths(request.body) : undefined);
		}
		if (method === 'GET' || method === 'DELETE' || request.body === undefined)
			return method === 'PATCH' ? unknown(request, method, []) : { kind: 'known', operations: rows };
		const inner = innerResource(resources, request);
		if (inner !== undefined) {
			return {
				kind: 'unknown',
				reason: `${inner} in a ${method} of ${request.path} is a resource of its own, on which is decided by its own rows: send a request to its own path`,
				row: undefined,
			};
		}
		if (method !== 'PATCH') return { kind: 'known', operations: rows };
		const { operations, missing } = coverProperties(request, rows);
		return missing.length > 0 || operations.length === 0
			? unknown(request, method, missing)
			: { kind: 'known', operations };
	};
	return Object.assign(classify, { methodsAt });
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
			node.variableName ??= segment.name;
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

/** All nodes that a path leads to, by literals and by variables. */
function nodesAt(root: Node, segments: readonly string[]): readonly Node[] {
	let nodes: readonly Node[] = [root];
	for (const segment of segments) {
		nodes = nodes.flatMap(({ literals, variable }) => {
			const literal = literals.get(segment);
			return [...(literal ? [literal] : []), ...(variable ? [variable] : [])];
		});
	}
	return nodes;
}

/** What the table calls the segment at this place; undefined where it is one of the table's own words. */
function variableAt(root: Node, segments: readonly string[], index: number): string | undefined {
	const before = nodesAt(root, segments.slice(0, index));
	if (before.some(({ literals }) => literals.has(segments[index] ?? ''))) return undefined;
	return before.find(({ variableName }) => variableName !== undefined)?.variableName;
}

/**
 * Where a body reaches into another resource (DSP0266 §7.11, deep operations): a row for the event service, say,
 * must not let through what creates a subscription. Undefined: nowhere.
 */
function innerResource(root: Node, { method, segments, body }: CanonicalRequest): string | undefined {
	if (segments.includes('Actions')) return undefined;
	const embedded = embeddedResource(body);
	if (embedded !== undefined) return embedded;
	const own = nodesAt(root, segments);
	// What a POST creates stands one below.
	const nodes = method === 'POST' ? own.flatMap(({ variable }) => (variable ? [variable] : [])) : own;
	for (const path of propertyPaths(body)) {
		let reached = nodes;
		for (const [depth, name] of path.entries()) {
			reached = reached.flatMap(({ literals }) => literals.get(name) ?? []);
			if (reached.some(node => node.exact.length + node.rest.length > 0))
				return path.slice(0, depth + 1).join('.');
		}
	}
	return undefined;
}

/**
 * A PATCH is authorized per property (one call can span power, boot and TPM): every property that the body
 * names must be covered, and all rows that cover one apply.
 */
function coverProperties(
	request: CanonicalRequest,
	rows: readonly Operation[],
): { operations: readonly Operation[]; missing: readonly string[][] } {
	const missing: string[][] = [];
	const taken = new Set<Operation>();
	for (const path of propertyPaths(request.body)) {
		const covering = rows.filter(row => row.properties === undefined || covers(row.properties, path));
		if (covering.length === 0) missing.push(path);
		for (const row of covering) taken.add(row);
	}
	return { operations: rows.filter(row => taken.has(row)), missing };
}
