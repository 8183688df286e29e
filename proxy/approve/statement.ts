import { createHash } from 'node:crypto';

/** What an operator signs: one decision on one request, and nothing that could be taken for something else. */
export interface Statement {
	readonly requestId: string;
	/** Of the request: everything that would be executed. */
	readonly digest: string;
	readonly decision: 'approve' | 'deny' | 'withdraw';
	readonly operator: string;
	readonly party: string;
	/** Milliseconds since the epoch. */
	readonly at: number;
	/** The comment or reason; null without one. */
	readonly comment: string | null;
}

/** Keeps these signatures apart from other uses of a key; the first line of what is signed is `bimetal approval 1`. */
export const approvalPurpose = 'approval 1';

/** The one text of a statement. No field can hold a newline but the comment, which is hashed. */
export function renderStatement(statement: Statement): string {
	const { requestId, digest, decision, operator, party, at, comment } = statement;
	const hash =
		comment === null ? 'none' : `sha256 ${createHash('sha256').update(comment, 'utf8').digest('hex')}`;
	const lines = [
		`request ${requestId}`,
		`digest ${digest}`,
		`decision ${decision}`,
		`operator ${operator}`,
		`party ${party}`,
		`time ${new Date(at).toISOString()}`,
		`comment ${hash}`,
	];
	if (lines.some(line => line.includes('\n'))) throw new TypeError('a field of a statement holds a newline');
	return `${lines.join('\n')}\n`;
}
