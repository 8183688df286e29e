import type { ConfigProblem } from '../../common/config/config-error.ts';
import { explainIssues } from '../../common/config/explain-issues.ts';
import type { YamlDocument } from '../../common/config/yaml-document.ts';
import type { PolicyFile } from './load-policy-files.ts';
import { parseMembersExpression, unfilledPlaces } from './members.ts';
import { openYaml } from './operations-file.ts';
import { membersFile } from './policy-schemas.ts';
import type { MembersExpression, PartyMembers } from './policy-set.ts';

/** Reads `<party>/members.yaml`: the groups of the party's operators, and who of them speak for it together. */
export function readMembersFile(file: PolicyFile & { readonly party: string }): {
	readonly members: PartyMembers | undefined;
	readonly problems: readonly ConfigProblem[];
} {
	const document = openYaml(file);
	if (Array.isArray(document)) return { members: undefined, problems: document };
	const checked = membersFile.safeParse(document.value);
	if (!checked.success)
		return { members: undefined, problems: explainIssues(document, membersFile, checked.error.issues) };
	const { groups, speaks, reads } = checked.data;
	const problems: ConfigProblem[] = Object.entries(groups).flatMap(([group, names]) =>
		names.flatMap((name, i) =>
			names.indexOf(name) === i
				? []
				: [
						document.problem(
							['groups', group, i],
							`${name} stands in ${group} twice`,
							'remove one of the two',
						),
					],
		),
	);
	const read = (key: 'speaks' | 'reads', text: string): MembersExpression | undefined =>
		readExpression(document, key, text, groups, problems);
	const speaking = read('speaks', speaks);
	const reading = reads === undefined ? speaking : read('reads', reads);
	if (!speaking || !reading || problems.length > 0) return { members: undefined, problems };
	const where = { file: document.file, ...document.locateKey(['speaks']) };
	return { members: { party: file.party, groups, speaks: speaking, reads: reading, where }, problems };
}

function readExpression(
	document: YamlDocument,
	key: 'speaks' | 'reads',
	text: string,
	groups: Readonly<Record<string, readonly string[]>>,
	problems: ConfigProblem[],
): MembersExpression | undefined {
	const result = parseMembersExpression(text, groups);
	if (!result.ok) {
		problems.push(document.problem([key], result.problem.message, undefined, result.problem.offset));
		return undefined;
	}
	// A party that can never speak again is locked out of every row, and of mending this.
	const everybody = [...new Set(Object.values(groups).flat())].map(
		name => new Set(Object.keys(groups).filter(group => groups[group]?.includes(name))),
	);
	const { anyone, clauses } = result.value;
	if (!anyone && !clauses.some(({ places }) => unfilledPlaces(places, everybody).length === 0)) {
		problems.push(
			document.problem(
				[key],
				'the groups have too few operators for it: each place needs another person',
				'add operators to the groups, or ask for fewer',
			),
		);
		return undefined;
	}
	return result.value;
}
