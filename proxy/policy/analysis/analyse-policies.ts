import type { CanonicalRequest } from '../../canonicalise/canonical-request.ts';
import type { PolicySet } from '../policy-set.ts';
import type { Analysis } from './findings.ts';
import { findInRow } from './row-findings.ts';
import { findInTable } from './table-findings.ts';

/**
 * What hardly anybody can have meant, with examples that the policies themselves confirm. Pure.
 * @param served what BMCs offer: each is looked for in the table
 */
export function analysePolicies(
	set: PolicySet,
	{ parties, served }: { readonly parties: readonly string[]; readonly served: readonly CanonicalRequest[] },
): Analysis {
	const rows = set.operations.map(operation => findInRow(operation, parties));
	return {
		findings: [...rows.flatMap(row => row.findings), ...findInTable(set, served)],
		undecided: rows.flatMap(row => row.undecided),
		questions: rows.reduce((sum, row) => sum + row.questions, 0),
	};
}
