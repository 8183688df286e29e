import type { JsonValue } from '../canonicalise/canonical-request.ts';

/** An evaluated policy, in any of the forms in which it is kept or shown. */
interface Shown {
	readonly party: string;
	readonly expression: string;
	readonly holds: boolean;
	readonly reason: string;
	readonly private?: boolean | undefined;
	readonly values?: readonly { readonly expression: string; readonly value: JsonValue }[];
}

/**
 * Policies as one party may see them: of another party's private policy only whether it holds. Everything that
 * tells operators of policies goes through here, the audit log included: all parties read it.
 * @param viewer undefined: whoever it is, so all that is private is hidden
 */
export function seenBy<P extends Shown>(viewer: string | undefined, policies: readonly P[]): P[] {
	return policies.map(policy =>
		!policy.private || policy.party === viewer
			? policy
			: {
					...policy,
					expression: hiddenExpression,
					reason: `${policy.party} does not say why`,
					...(policy.values && { values: [] }),
				},
	);
}

/** What stands for an expression that its party hides. */
export const hiddenExpression = '(private)';
