import { z } from 'zod';
import type { EvaluatedPolicy, Verdict } from '../decide/decide.ts';
import type { Operation, PostPolicy } from '../policy/policy-set.ts';
import type { Agreement, BreakGlassRule } from './agreement.ts';

/** What a signature that opens a window is for. */
export const breakGlassPurpose = 'break-glass 1';
/** Milliseconds by which the time in a signed opening may differ from the proxy's clock. */
export const clockTolerance = 5 * 60_000;
const day = 24 * 3_600_000;

const operator = z.strictObject({ name: z.string(), party: z.string() });

/** A span of time in which one party's authorization is enough for some operations. Times in ms since the epoch. */
export const windowDocument = z.strictObject({
	id: z.string(),
	party: z.string(),
	operator,
	reason: z.string(),
	operations: z.array(z.string()),
	openedAt: z.int(),
	until: z.int(),
	maxUses: z.int(),
	uses: z.int(),
	signature: z.string().nullable(),
	ended: z.strictObject({ by: operator.nullable(), reason: z.string(), at: z.int() }).nullable(),
});
export type Window = z.infer<typeof windowDocument>;

/** The one text that a party's key signs to open a window. */
export function openingText(opening: {
	readonly site: string;
	readonly party: string;
	readonly operator: string;
	readonly reason: string;
	readonly forMs: number;
	/** Milliseconds since the epoch, as the signer's clock has it. */
	readonly at: number;
}): string {
	const { site, party, operator, reason, forMs, at } = opening;
	return JSON.stringify([site, party, operator, reason, forMs, at]);
}

export const isOpen = (window: Window, now: number): boolean =>
	window.ended === null && window.openedAt <= now && now < window.until && window.uses < window.maxUses;

/** Why this party may not open a window now; undefined when it may. `windows` are the party's own, all of them. */
export function whyNotOpen(
	{ breakGlass }: Pick<Agreement, 'breakGlass'>,
	windows: readonly Window[],
	{ party, forMs, now }: { readonly party: string; readonly forMs: number; readonly now: number },
): { readonly why: 'not-allowed' | 'open'; readonly message: string } | undefined {
	const rule = ruleOf(breakGlass, party);
	const refuse = (message: string) => ({ why: 'not-allowed' as const, message });
	if (!rule) return refuse(`the agreement does not allow ${party} break-glass`);
	if (!(forMs > 0 && forMs <= rule.maxDuration))
		return refuse(`the agreement allows ${party} ${rule.maxDuration / 60_000} minutes at most`);
	if (windows.some(window => isOpen(window, now)))
		return { why: 'open', message: `${party} has a window open already` };
	const recent = windows.filter(({ openedAt }) => openedAt > now - day).length;
	if (recent >= rule.windowsPerDay)
		return refuse(
			`${party} has opened ${recent} windows in 24 hours; the agreement allows ${rule.windowsPerDay}`,
		);
	return undefined;
}

/**
 * Whether this window lets a request through: its party's, in its time, with uses left, and every row that the
 * request falls under in its list and still in that of the agreement in force. Never a row that is closed.
 */
export function letsThrough(
	window: Window,
	{ breakGlass }: Pick<Agreement, 'breakGlass'>,
	request: {
		readonly party: string;
		readonly operations: readonly Pick<Operation, 'name' | 'authorization' | 'handledBy'>[];
		readonly now: number;
	},
): boolean {
	const rule = ruleOf(breakGlass, request.party);
	return (
		rule !== undefined &&
		window.party === request.party &&
		isOpen(window, request.now) &&
		request.operations.length > 0 &&
		request.operations.every(
			({ name, authorization, handledBy }) =>
				!authorization.closed &&
				handledBy === 'bmc' &&
				window.operations.includes(name) &&
				rule.operations.includes(name),
		)
	);
}

/** Whether an operator of `party` may end this party's window before its time. */
export function mayEnd(
	window: Window,
	{ breakGlass }: Pick<Agreement, 'breakGlass'>,
	party: string,
): boolean {
	// A rule that is gone protects nothing any more.
	return window.party === party || ruleOf(breakGlass, window.party)?.endedBy !== 'own party';
}

/**
 * The verdict under a window: executed, with the policies as they came out on the record. What the other parties'
 * filters hide stays hidden: it is about acting, not about looking into their things.
 */
export function verdictUnder(
	window: Pick<Window, 'id' | 'reason'>,
	party: string,
	operations: readonly Operation[],
	policies: readonly EvaluatedPolicy[],
): Verdict & { kind: 'execute' } {
	const others = (operation: Operation): (readonly PostPolicy[])[] =>
		[...operation.policies.values()].filter(policy => policy.party !== party).map(({ post }) => post);
	return {
		kind: 'execute',
		clause: `${party} by break-glass ${window.id}: ${window.reason}`,
		posts: operations.flatMap(others).filter(post => post.length > 0),
		policies,
		breakGlass: window.id,
	};
}

const ruleOf = (rules: Agreement['breakGlass'], party: string): BreakGlassRule | undefined =>
	Object.hasOwn(rules, party) ? rules[party] : undefined;
