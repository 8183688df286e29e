import { ConfigError, type ConfigProblem } from '../../common/config/config-error.ts';
import { loadPolicies, type PolicyFolder } from './load-policies.ts';
import type { Operation } from './policy-set.ts';

export interface PolicyCheck {
	/** The proxy would refuse to start with these. */
	readonly problems: readonly ConfigProblem[];
	/** It would start, but this is hardly what was meant. */
	readonly warnings: readonly ConfigProblem[];
}

/** The check that the proxy makes before it takes policies, and what it would take but nobody can have meant. */
export async function checkPolicies(
	folder: string,
	site: Omit<PolicyFolder, 'folder'>,
): Promise<PolicyCheck> {
	try {
		const { operations } = await loadPolicies({ folder, ...site });
		return { problems: [], warnings: operations.flatMap(warn) };
	} catch (error) {
		if (error instanceof ConfigError) return { problems: error.problems, warnings: [] };
		throw error;
	}
}

function warn(operation: Operation): ConfigProblem[] {
	const { authorization, policies, where } = operation;
	const name = JSON.stringify(operation.name);
	const hopeless = authorization.clauses.flatMap(clause =>
		clause.policies
			.filter(party => !policies.has(party))
			.map(party => ({
				...where,
				message: `${name}: "${clause.source}" can never hold, because ${party} has no policy for it`,
				fix: `write ${party.toLowerCase()}.pre: true in ${party.toLowerCase()}/ if there is no condition`,
			})),
	);
	const askedOfNobody = authorization.clauses
		.filter(clause => clause.authorizations.length === 0)
		.map(clause => ({
			...where,
			message: `${name}: "${clause.source}" lets an operator of any party do it`,
			fix: 'name in capitals who must authorize',
		}));
	const unused = [...policies.values()]
		.filter(({ party }) => !authorization.clauses.some(clause => clause.policies.includes(party)))
		.map(policy => ({
			...policy.where,
			message: `${policy.party}'s policy for ${name} is never asked: ${authorization.source} does not name ${policy.party.toLowerCase()}`,
			fix: 'remove it, or change the table',
		}));
	return [...hopeless, ...askedOfNobody, ...unused];
}
