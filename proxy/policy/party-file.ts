import type { ConfigProblem } from '../../common/config/config-error.ts';
import { explainIssues } from '../../common/config/explain-issues.ts';
import { nearest } from '../../common/config/nearest.ts';
import type { YamlDocument, YamlPath } from '../../common/config/yaml-document.ts';
import type { Helpers } from './expression/helpers.ts';
import type { Parsed } from './expression/outcome.ts';
import type { Units } from './expression/units.ts';
import type { PolicyFile } from './load-policy-files.ts';
import { openYaml } from './operations-file.ts';
import { policyFile, postTexts, preText } from './policy-schemas.ts';
import type { PostPolicy, PrePolicy, SourceLocation } from './policy-set.ts';
import { compilePostPolicy } from './post-policy.ts';
import { compilePrePolicy } from './pre-policy.ts';

/** One key of a party's file, compiled. */
export interface PartyRule {
	readonly party: string;
	readonly operation: string;
	readonly key: 'pre' | 'post';
	readonly pre: PrePolicy | undefined;
	readonly post: readonly PostPolicy[];
	readonly where: SourceLocation;
	/** Other parties are told whether it holds, and nothing else. */
	readonly private: boolean;
}

export interface PartyFileContext {
	readonly parties: readonly string[];
	readonly operations: readonly string[];
	readonly externalSources: readonly string[];
	readonly units?: Units | undefined;
	/** By party. */
	readonly helpers?: ReadonlyMap<string, Helpers> | undefined;
}

/**
 * Reads `<party>/*.yaml`: by operation, `<party>.pre` and `<party>.post`. Only that party's keys may stand there.
 * `<party>.private: true`, at the top or in an operation, hides what stands beside it.
 */
export function readPartyFile(
	file: PolicyFile & { readonly party: string },
	context: PartyFileContext,
): { readonly rules: readonly PartyRule[]; readonly problems: readonly ConfigProblem[] } {
	const document = openYaml(file);
	if (Array.isArray(document)) return { rules: [], problems: document };
	const checked = policyFile.safeParse(document.value);
	if (!checked.success)
		return { rules: [], problems: explainIssues(document, policyFile, checked.error.issues) };
	const problems: ConfigProblem[] = [];
	const rules: PartyRule[] = [];
	const privateKey = `${file.party.toLowerCase()}.private`;
	const isAllPrivate = readPrivate(document, [privateKey], checked.data[privateKey], problems);
	for (const [operation, keys] of Object.entries(checked.data)) {
		if (operation === privateKey) continue;
		if (typeof keys === 'boolean') {
			problems.push(notRules(document, operation, privateKey));
			continue;
		}
		const isPrivate = readPrivate(document, [operation, privateKey], keys[privateKey], problems);
		if (!context.operations.includes(operation))
			problems.push(unknownOperation(document, operation, context.operations));
		if (Object.keys(keys).every(key => key === privateKey)) {
			problems.push(
				document.problem(
					[operation],
					'this operation has no rule',
					`write ${file.party.toLowerCase()}.pre or ${file.party.toLowerCase()}.post`,
				),
			);
		}
		for (const key of Object.keys(keys)) {
			if (key === privateKey) continue;
			const kind = checkKey(document, operation, key, file.party, context.parties, problems);
			if (kind)
				rules.push(
					...readRule(
						document,
						{
							operation,
							key,
							kind,
							party: file.party,
							value: keys[key],
							private: isAllPrivate || isPrivate,
						},
						context,
						problems,
					),
				);
		}
	}
	return { rules, problems };
}

function readPrivate(
	document: YamlDocument,
	path: YamlPath,
	value: unknown,
	problems: ConfigProblem[],
): boolean {
	if (value === undefined || typeof value === 'boolean') return value === true;
	problems.push(document.problem(path, `"${path.at(-1)}" is true or false`, 'write true to hide it'));
	// Nothing is shown because of a slip of the pen.
	return true;
}

function notRules(document: YamlDocument, operation: string, privateKey: string): ConfigProblem {
	const near = nearest(operation, [privateKey]);
	return document.problem(
		[operation],
		`${JSON.stringify(operation)} has no rules beneath it`,
		near ? `did you mean ${near}?` : 'write its rules beneath it',
	);
}

function unknownOperation(
	document: YamlDocument,
	operation: string,
	known: readonly string[],
): ConfigProblem {
	const near = nearest(operation, known);
	return {
		file: document.file,
		...document.locateKey([operation]),
		message: `unknown operation ${JSON.stringify(operation)}`,
		fix: near ? `did you mean ${JSON.stringify(near)}?` : 'operations.yaml names the operations',
	};
}

function checkKey(
	document: YamlDocument,
	operation: string,
	key: string,
	party: string,
	parties: readonly string[],
	problems: ConfigProblem[],
): 'pre' | 'post' | undefined {
	const own = party.toLowerCase();
	if (key === `${own}.pre`) return 'pre';
	if (key === `${own}.post`) return 'post';
	const complain = (message: string, fix: string): undefined => {
		problems.push({ file: document.file, ...document.locateKey([operation, key]), message, fix });
	};
	const owner = parties.find(
		other => other !== party && key.toLowerCase().startsWith(`${other.toLowerCase()}.`),
	);
	if (owner)
		return complain(
			`"${key}" is ${owner}'s, and this file is ${party}'s`,
			`move it into ${owner.toLowerCase()}/`,
		);
	const near = nearest(key, [`${own}.pre`, `${own}.post`, `${own}.private`]);
	return complain(
		`unknown key "${key}"`,
		near ? `did you mean "${near}"?` : `write ${own}.pre or ${own}.post`,
	);
}

interface RuleSource {
	readonly operation: string;
	readonly key: string;
	readonly kind: 'pre' | 'post';
	readonly party: string;
	readonly value: unknown;
	readonly private: boolean;
}

function readRule(
	document: YamlDocument,
	{ operation, key, kind, party, value, private: isPrivate }: RuleSource,
	context: PartyFileContext,
	problems: ConfigProblem[],
): PartyRule[] {
	const path: YamlPath = [operation, key];
	const schema = kind === 'pre' ? preText : postTexts;
	const checked = schema.safeParse(value);
	if (!checked.success) {
		const right = kind === 'pre' ? 'write an expression, or true' : 'write one text, or a list of texts';
		problems.push(
			document.problem(
				path,
				`"${key}" must be ${kind === 'pre' ? 'an expression' : 'a text or a list of texts'}`,
				right,
			),
		);
		return [];
	}
	const whereOf = (at: YamlPath): SourceLocation => ({ file: document.file, ...document.locate(at) });
	const take = <T>(at: YamlPath, result: Parsed<T>): T[] => {
		if (result.ok) return [result.value];
		problems.push(document.problem(at, result.problem.message, undefined, result.problem.offset));
		return [];
	};
	const where = { file: document.file, ...document.locateKey(path) };
	const rule = { party, operation, key: kind, where, private: isPrivate };
	if (kind === 'pre') {
		const { externalSources, operations, units, helpers } = context;
		const surroundings = { operations, units, helpers: helpers?.get(party) };
		const [pre] = take(
			path,
			compilePrePolicy(String(checked.data), whereOf(path), externalSources, surroundings),
		);
		return [{ ...rule, pre, post: [] }];
	}
	const texts = Array.isArray(checked.data)
		? checked.data.map((text, i) => ({ at: [...path, i], text }))
		: [{ at: path, text: String(checked.data) }];
	return [
		{
			...rule,
			pre: undefined,
			post: texts.flatMap(({ at, text }) => take(at, compilePostPolicy(text, whereOf(at)))),
		},
	];
}
