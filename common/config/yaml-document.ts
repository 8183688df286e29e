import {
	isAlias,
	isMap,
	isScalar,
	isSeq,
	LineCounter,
	type Node,
	parseDocument,
	Scalar,
	visit,
	type YAMLError,
	type YAMLMap,
} from 'yaml';
import { ConfigError, type ConfigProblem } from './config-error.ts';

export type YamlPath = readonly (string | number)[];

/** 1-based, as editors count. */
export interface YamlPosition {
	readonly line: number;
	readonly column: number;
}

/** A parsed file that still knows where each thing in it was written. */
export interface YamlDocument {
	readonly file: string;
	readonly value: unknown;
	/**
	 * Where the value at `path` begins; of something that is not there, its nearest ancestor. `offset` (UTF-16
	 * units into a string) points inside it: exact in one-line plain and quoted scalars and in literal blocks,
	 * else the scalar's beginning.
	 */
	locate(path: YamlPath, offset?: number): YamlPosition;
	/** Where the key that ends `path` was written; for a list's item, the item. */
	locateKey(path: YamlPath): YamlPosition;
	/** A problem at `path`, ready to be thrown in a ConfigError. */
	problem(path: YamlPath, message: string, fix?: string, offset?: number): ConfigProblem;
}

const LARGEST_FILE = 4 * 1024 * 1024;
const DEEPEST = 100;

/**
 * Parses YAML 1.2 (core schema) that one can point into. Refuses what makes a file mean something else than it
 * seems to: duplicate keys, aliases and anchors (the "billion laughs" as well), tags, merge keys, `__proto__`,
 * several documents, tabs as indentation, files over 4 MiB, nesting over 100 levels.
 * @throws ConfigError with every problem found.
 */
export function parseYaml(file: string, text: string): YamlDocument {
	const first = { file, line: 1, column: 1 };
	if (text.length > LARGEST_FILE) throw new ConfigError([{ ...first, message: 'the file is over 4 MiB' }]);
	const lines = new LineCounter();
	const position = (offset: number): YamlPosition => {
		const { line, col } = lines.linePos(offset);
		return { line: Math.max(1, line), column: Math.max(1, col) };
	};
	const document = compose(file, text, lines);
	const errors = [...document.errors, ...document.warnings];
	// What follows the first syntax error is read out of step; told as well, it would hide the one that matters.
	const firstOfSyntax = errors.find(error => EXPLANATIONS[error.code] === undefined);
	const problems: ConfigProblem[] = errors
		.filter(error => error === firstOfSyntax || EXPLANATIONS[error.code] !== undefined)
		.map(error => ({ file, ...position(error.pos[0]), ...explain(error) }));
	const complain = (node: unknown, message: string, fix: string): void => {
		problems.push({ file, ...position(startOf(node) ?? 0), message, fix });
	};

	const checkKeys = (map: YAMLMap): void => {
		const seen = new Map<string, unknown>();
		for (const { key } of map.items) {
			if (!isScalar(key)) continue;
			const name = String(key.value);
			if (name === '__proto__' || name === '<<') complain(key, `"${name}" is not a key`, 'rename it');
			if (seen.has(name)) {
				const { line } = position(startOf(seen.get(name)) ?? 0);
				complain(key, `the key "${name}" is given twice, first on line ${line}`, 'keep one of the two');
			} else seen.set(name, key);
		}
	};
	visit(document, {
		Node(_key, node, ancestors) {
			if (ancestors.length > DEEPEST * 2) {
				complain(node, `nested deeper than ${DEEPEST} levels`, 'write it flatter');
				return visit.BREAK;
			}
			if (isAlias(node)) complain(node, 'aliases (*name) are not read', 'write the value out');
			else if (node.anchor !== undefined) {
				complain(node, `anchors (&${node.anchor}) are not read`, 'write the value out where it is needed');
			}
			if (isMap(node)) checkKeys(node);
			return undefined;
		},
	});
	if (problems.length === 0 && (document.contents === null || isEmpty(document.contents))) {
		problems.push({ ...first, message: 'the file is empty' });
	}
	if (problems.length > 0) throw new ConfigError(problems);

	const locate = (path: YamlPath, offset?: number): YamlPosition => {
		const node = find(document.contents, path).value;
		const start = startOf(node) ?? 0;
		if (offset === undefined || !isScalar(node)) return position(start);
		return position(start + offsetInSource(node, text, offset));
	};
	return Object.freeze({
		file,
		value: document.toJS() as unknown,
		locate,
		locateKey: (path: YamlPath) => position(startOf(find(document.contents, path).key) ?? 0),
		problem: (path: YamlPath, message: string, fix?: string, offset?: number) => ({
			file,
			...locate(path, offset),
			message,
			...(fix === undefined ? {} : { fix }),
		}),
	});
}

function compose(file: string, text: string, lineCounter: LineCounter): ReturnType<typeof parseDocument> {
	try {
		return parseDocument(text, {
			lineCounter,
			version: '1.2',
			schema: 'core',
			strict: true,
			stringKeys: true,
			uniqueKeys: false, // checked above, naming the key and both places
			prettyErrors: false,
		});
	} catch (cause) {
		// The composer recurses: tens of thousands of brackets exhaust its stack.
		const message = cause instanceof RangeError ? 'nested too deeply' : 'this is not YAML';
		throw new ConfigError([{ file, line: 1, column: 1, message }], { cause });
	}
}

const EXPLANATIONS: Readonly<Record<string, { message: string; fix: string }>> = {
	TAB_AS_INDENT: { message: 'a tab is used as indentation', fix: 'use spaces' },
	MULTIPLE_DOCS: { message: 'a second document begins here', fix: 'remove the line ---' },
	TAG_RESOLVE_FAILED: { message: 'tags (!name) are not read', fix: 'remove it' },
	NON_STRING_KEY: { message: 'a key must be a plain word or a quoted text', fix: 'put it in quotes' },
};

function explain(error: YAMLError): { message: string; fix?: string } {
	return EXPLANATIONS[error.code] ?? { message: error.message };
}

function isEmpty(node: Node): boolean {
	return isScalar(node) && node.value === null;
}

/** The node at `path` with its key's node; of a path that leads nowhere, the last node on the way. */
function find(root: unknown, path: YamlPath): { key: unknown; value: unknown } {
	let found = { key: root, value: root };
	for (const step of path) {
		const { value } = found;
		if (isMap(value)) {
			const pair = value.items.find(item => isScalar(item.key) && String(item.key.value) === String(step));
			if (!pair) break;
			found = { key: pair.key, value: isWritten(pair.value) ? pair.value : pair.key };
		} else if (isSeq(value)) {
			const item = value.items[Number(step)];
			if (item === undefined) break;
			found = { key: item, value: item };
		} else break;
	}
	return found;
}

/** False for the null of `key:` with nothing behind it. */
function isWritten(node: unknown): boolean {
	const range = isScalar(node) ? node.range : undefined;
	return startOf(node) !== undefined && !(range && range[0] === range[1]);
}

function startOf(node: unknown): number | undefined {
	const range = (node as { range?: readonly number[] | null } | null | undefined)?.range;
	return range?.[0];
}

/** How far behind the scalar's beginning in the file the value's character `offset` stands. */
function offsetInSource(node: Scalar, text: string, offset: number): number {
	const [start, end] = node.range ?? [0, 0];
	const source = text.slice(start, end);
	if (node.type === Scalar.BLOCK_LITERAL) return offsetInLiteral(source, String(node.value), offset);
	if (node.type === Scalar.BLOCK_FOLDED || source.includes('\n')) return 0;
	const wanted = Math.max(0, Math.min(offset, String(node.value).length));
	if (node.type !== Scalar.QUOTE_DOUBLE && node.type !== Scalar.QUOTE_SINGLE) return wanted;
	const token = node.type === Scalar.QUOTE_SINGLE ? /''|[^']/uy : /\\(?:x.{2}|u.{4}|U.{8}|.)|[^\\]/uy;
	token.lastIndex = 1;
	for (let seen = 0; seen < wanted; ) {
		const match = token.exec(source);
		if (!match) break;
		const astral = match[0].startsWith('\\U') ? Number.parseInt(match[0].slice(2), 16) > 0xffff : false;
		seen += match[0].startsWith('\\') ? (astral ? 2 : 1) : match[0] === "''" ? 1 : match[0].length;
		if (seen > wanted) break;
	}
	return Math.max(1, token.lastIndex);
}

function offsetInLiteral(source: string, value: string, offset: number): number {
	const before = value.slice(0, Math.max(0, offset)).split('\n');
	const lines = source.split('\n');
	const row = before.length; // line 0 of the source is the header: `|`
	const column = before[before.length - 1]?.length ?? 0;
	const firstValueLine = value.split('\n').findIndex(line => line.trim() !== '');
	if (firstValueLine < 0) return 0;
	const sourceLine = lines[firstValueLine + 1] ?? '';
	const indentation = sourceLine.replace(/\r$/, '').length - (value.split('\n')[firstValueLine]?.length ?? 0);
	return lines.slice(0, row).reduce((sum, line) => sum + line.length + 1, 0) + indentation + column;
}
