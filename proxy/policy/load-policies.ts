import { ConfigError, type ConfigProblem } from '../../common/config/config-error.ts';
import { readHelpersFile } from './helpers-file.ts';
import { type PolicySources, type PolicySurroundings, readPolicyFiles } from './load-policy-files.ts';
import { readMembersFile } from './members-file.ts';
import { readOperations } from './operations-file.ts';
import { type PartyRule, readPartyFile } from './party-file.ts';
import type { Operation, PartyPolicy, PolicySet } from './policy-set.ts';

export interface PolicyFolder extends PolicySurroundings {
	readonly folder: string;
}

/**
 * Reads a policy folder and compiles it, once for each version.
 * @throws ConfigError with every problem of every file.
 */
export async function loadPolicies({
	folder,
	parties,
	externalSources,
	units,
}: PolicyFolder): Promise<PolicySet> {
	const files = await readPolicyFiles(folder, parties);
	return compilePolicies({ files, site: { parties, externalSources, units } });
}

/** @throws ConfigError with every problem of every file. */
export function compilePolicies(from: PolicySources): PolicySet {
	const {
		files,
		site: { parties, externalSources, units },
	} = from;
	const table = readOperations(files.operations, parties);
	const surroundings = { externalSources, units, operations: table.names };
	const helpers = files.helpers.map(file => readHelpersFile(file, surroundings));
	const context = {
		...surroundings,
		parties,
		helpers: new Map(helpers.map(read => [read.party, read.helpers])),
	};
	// Where the table itself could not be read, calling each of its operations unknown would only hide that.
	const isReadable = table.names.length > 0;
	const read = isReadable ? files.policies.map(file => readPartyFile(file, context)) : [];
	const rules = read.flatMap(file => file.rules);
	const members = files.members.map(readMembersFile);
	const problems: ConfigProblem[] = [
		...table.problems,
		...members.flatMap(file => file.problems),
		...helpers.flatMap(file => file.problems),
		...read.flatMap(file => file.problems),
		...duplicates(rules),
	];
	if (problems.length > 0) throw new ConfigError(problems);
	const operations = table.rows.map(
		(row): Operation => Object.freeze({ ...row, policies: policiesFor(row.name, rules) }),
	);
	const sources = new Set(rules.flatMap(rule => rule.pre?.needs.external ?? []));
	return Object.freeze({
		version: files.version,
		sources: from,
		operations: Object.freeze(operations),
		externalSources: Object.freeze([...sources].sort()),
		members: new Map(members.flatMap(file => (file.members ? [[file.members.party, file.members]] : []))),
	});
}

/** A rule that two files give is an error at both: nobody could tell which one counts. */
function duplicates(rules: readonly PartyRule[]): ConfigProblem[] {
	const first = new Map<string, PartyRule>();
	return rules.flatMap(rule => {
		const name = `${rule.party.toLowerCase()}.${rule.key}`;
		const key = JSON.stringify([rule.operation, name]);
		const other = first.get(key);
		if (!other) {
			first.set(key, rule);
			return [];
		}
		const message = (place: PartyRule) =>
			`${name} of ${JSON.stringify(rule.operation)} stands in ${place.where.file}:${place.where.line} as well`;
		return [rule, other].map((here, i) => ({
			...here.where,
			message: message(i === 0 ? other : rule),
			fix: 'keep one of the two',
		}));
	});
}

function policiesFor(operation: string, rules: readonly PartyRule[]): ReadonlyMap<string, PartyPolicy> {
	const policies = new Map<string, PartyPolicy>();
	for (const rule of rules) {
		if (rule.operation !== operation) continue;
		const before = policies.get(rule.party);
		policies.set(rule.party, {
			party: rule.party,
			pre: rule.pre ?? before?.pre,
			post: [...(before?.post ?? []), ...rule.post],
			where: before?.where ?? rule.where,
			// One that is hidden hides what stands beside it: together they would tell what it is.
			...((before?.private || rule.private) && { private: true }),
		});
	}
	return policies;
}
