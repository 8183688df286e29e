import { ConfigError, type ConfigProblem } from '../../common/config/config-error.ts';
import { explainIssues } from '../../common/config/explain-issues.ts';
import { parseYaml, type YamlDocument, type YamlPath } from '../../common/config/yaml-document.ts';
import { parseAuthorization } from './authorization.ts';
import type { Parsed } from './expression/outcome.ts';
import type { PolicyFile } from './load-policy-files.ts';
import { type OperationRow, operationsFile } from './policy-schemas.ts';
import type { AuthorizationExpression, Operation, RequestPattern } from './policy-set.ts';
import { checkPropertyPath, parseRequestPattern, patternKey } from './request-pattern.ts';

/** The rows of the authorization table, without the parties' policies, and whatever is wrong with them. */
export interface OperationsTable {
	readonly rows: readonly Omit<Operation, 'policies'>[];
	/** Also the names of rows that could not be read, so that policies for them are not called unknown. */
	readonly names: readonly string[];
	readonly problems: readonly ConfigProblem[];
}

const nothing: AuthorizationExpression = { source: 'closed', closed: true, clauses: [] };

/** Reads `operations.yaml`. */
export function readOperations(file: PolicyFile, parties: readonly string[]): OperationsTable {
	const document = openYaml(file);
	if (Array.isArray(document)) return { rows: [], names: [], problems: document };
	const checked = operationsFile.safeParse(document.value);
	if (!checked.success) {
		return {
			rows: [],
			names: namesIn(document.value),
			problems: explainIssues(document, operationsFile, checked.error.issues),
		};
	}
	const problems: ConfigProblem[] = [];
	const rows = checked.data.map((row, index) => readRow(document, row, index, parties, problems));
	checkUnique(document, rows, checked.data, problems);
	return { rows, names: rows.map(row => row.name), problems };
}

/** A file as YAML, or everything that keeps it from being that. */
export function openYaml(file: PolicyFile): YamlDocument | ConfigProblem[] {
	try {
		return parseYaml(file.name, file.text);
	} catch (error) {
		if (error instanceof ConfigError) return [...error.problems];
		throw error;
	}
}

function namesIn(value: unknown): string[] {
	if (!Array.isArray(value)) return [];
	return value
		.map((row: { operation?: unknown } | null) => row?.operation)
		.filter(name => typeof name === 'string');
}

function readRow(
	document: YamlDocument,
	row: OperationRow,
	index: number,
	parties: readonly string[],
	problems: ConfigProblem[],
): Omit<Operation, 'policies'> {
	const take = <T>(path: YamlPath, result: Parsed<T>): T | undefined => {
		if (result.ok) return result.value;
		problems.push(
			document.problem([index, ...path], result.problem.message, undefined, result.problem.offset),
		);
		return undefined;
	};
	const matches = matchTexts(row).flatMap(({ path, text }): RequestPattern[] => {
		const pattern = take(path, parseRequestPattern(text));
		if (!pattern) return [];
		if (row.properties && pattern.method !== 'PATCH') {
			problems.push(
				document.problem(
					[index, 'properties'],
					`only PATCH has properties, and this row matches ${pattern.method}`,
					'give the PATCH a row of its own',
				),
			);
		}
		return [pattern];
	});
	for (const [i, text] of (row.properties ?? []).entries()) take(['properties', i], checkPropertyPath(text));
	return {
		type: row.type,
		name: row.operation,
		description: row.description,
		matches,
		properties: row.properties,
		authorization: take(['p2c'], parseAuthorization(row.p2c, parties)) ?? nothing,
		handledBy: row.handledBy ?? 'bmc',
		where: { file: document.file, ...document.locate([index, 'operation']) },
	};
}

function matchTexts(row: OperationRow): { path: YamlPath; text: string }[] {
	if (typeof row.match === 'string') return [{ path: ['match'], text: row.match }];
	return row.match.map((text, i) => ({ path: ['match', i], text }));
}

/** No name twice, and no request (of a PATCH: no property) that two rows claim. */
function checkUnique(
	document: YamlDocument,
	rows: readonly Omit<Operation, 'policies'>[],
	source: readonly OperationRow[],
	problems: ConfigProblem[],
): void {
	const places = new Map<string, { index: number; line: number }>();
	const claim = (
		kind: string,
		key: string,
		index: number,
		path: YamlPath,
		what: string,
		fix: string,
	): void => {
		const first = places.get(`${kind} ${key}`);
		const { line } = document.locate([index, ...path]);
		if (first)
			problems.push(document.problem([index, ...path], `${what} already on line ${first.line}`, fix));
		else places.set(`${kind} ${key}`, { index, line });
	};
	for (const [index, row] of rows.entries()) {
		claim(
			'name',
			row.name,
			index,
			['operation'],
			`the operation ${JSON.stringify(row.name)} stands`,
			'give one of the two another name',
		);
		for (const pattern of row.matches) {
			const key = patternKey(pattern);
			const path: YamlPath = Array.isArray(source[index]?.match)
				? ['match', source[index].match.indexOf(pattern.source)]
				: ['match'];
			if (!row.properties)
				claim('match', key, index, path, `${pattern.source} is matched`, 'keep it in one row');
			for (const [i, property] of (row.properties ?? []).entries()) {
				const what = `${property} of ${pattern.source} is covered`;
				claim('property', `${key} ${property}`, index, ['properties', i], what, 'keep it in one row');
			}
		}
	}
	for (const [index, row] of rows.entries()) {
		const whole = row.properties
			? row.matches.map(pattern => places.get(`match ${patternKey(pattern)}`)).find(place => place)
			: undefined;
		if (whole) {
			problems.push(
				document.problem(
					[index, 'properties'],
					`the row on line ${whole.line} covers every property of this PATCH`,
					'list the properties there as well',
				),
			);
		}
	}
}
