import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Sessions } from '../authenticate/sessions.ts';
import type { Call } from '../call.ts';
import type { ActivePolicies, Consider } from '../decide/consider.ts';
import type { Verdict } from '../decide/decide.ts';
import type { Windows } from '../governance/windows.ts';
import type { Operator } from '../operator.ts';
import type { Operation } from '../policy/policy-set.ts';

export interface StillAllowedDeps {
	readonly sessions: Pick<Sessions, 'get'>;
	readonly personOf: (operator: Operator) => string | undefined;
	readonly policies: () => ActivePolicies;
	readonly consider: Consider;
	readonly windows: Pick<Windows, 'lasts'> | undefined;
	/** Milliseconds: as long as what a source said may be said again. */
	readonly secondLookAfter: number;
	readonly clock: Pick<Clock, 'after'>;
	readonly logger: Pick<Logger, 'error'>;
}

/** A session, or a look at one, as it was decided on; `call.operator` is the person at it. */
export interface DecidedSession {
	readonly call: Call;
	readonly authorizers: readonly Operator[];
	/** The rows that it was decided on under. */
	readonly operations: readonly string[];
	/** The window without which it would not be. */
	readonly breakGlass: string | null;
	/** The Redfish session that it was opened in. */
	readonly sessionId: string | null;
}

/** `unknown`: only what a policy could not learn now stands in the way. */
type Standing =
	| { readonly kind: 'allowed' }
	| { readonly kind: 'unknown' | 'refused'; readonly reason: string };

/** Whether what is open would be let go on. */
export interface StillAllowed {
	/** What can be told at once: why the person at it may not go on; undefined when nothing is against it. */
	findObstacle(session: Pick<DecidedSession, 'call' | 'sessionId'>): string | undefined;
	/** Why its break-glass window lets it go on no longer; undefined for what was opened without one. */
	findShutWindow(session: Pick<DecidedSession, 'operations' | 'breakGlass'>): Promise<string | undefined>;
	/** Ends it, by calling `end` with the reason, when a recheck finds that it would not be allowed now. */
	guard(session: DecidedSession, end: (reason: string) => void): Guard;
}

export interface Guard {
	/**
	 * Decides again, by the policies and facts of now. Where only a fact is missing that a policy asks for, once more after
	 * `secondLookAfter`: a blink of a sensor ends nobody's work, and what stays unknown is not allowed. Never rejects.
	 */
	recheck(): Promise<void>;
	/** It is over: nothing is called any more. */
	stop(): void;
}

export function createStillAllowed(deps: StillAllowedDeps): StillAllowed {
	const findObstacle: StillAllowed['findObstacle'] = ({ call: { operator }, sessionId }) => {
		if (sessionId !== null && deps.sessions.get(sessionId) === undefined) return 'the log-in has ended';
		return deps.personOf(operator) === undefined ? `${operator.name} is no longer an operator` : undefined;
	};
	const findShutWindow: StillAllowed['findShutWindow'] = async ({ breakGlass, operations }) => {
		if (breakGlass === null) return undefined;
		const lasts = (await deps.windows?.lasts(breakGlass, operations)) ?? false;
		return lasts ? undefined : 'the break-glass window has ended';
	};
	const reconsider = async (session: DecidedSession): Promise<Standing> => {
		const { call, authorizers, breakGlass } = session;
		const refused = (reason: string): Standing => ({ kind: 'refused', reason });
		const obstacle = findObstacle(session) ?? (await findShutWindow(session));
		if (obstacle !== undefined) return refused(obstacle);
		const policies = deps.policies();
		const found = policies.classify(call.request);
		if (found.kind !== 'known') return refused('no row of the authorization table covers it any more');
		// A window lets through what the policies do not.
		if (breakGlass !== null) return { kind: 'allowed' };
		const verdict = await deps.consider(policies, found.operations, call, authorizers);
		if (verdict.kind === 'execute') return { kind: 'allowed' };
		const reason =
			verdict.kind === 'deny'
				? `it would be denied now: ${verdict.reason}`
				: `it would need ${verdict.needs.map(each => each.join(' and ')).join(', or ')} now`;
		const spoken = authorizers.filter(operator => deps.personOf(operator) !== undefined);
		const parties = new Set(spoken.map(({ party }) => party));
		return { kind: mayHold(found.operations, verdict, parties) ? 'unknown' : 'refused', reason };
	};
	return {
		findObstacle,
		findShutWindow,
		guard(session, end) {
			let isOver = false;
			let cancel: (() => void) | undefined;
			const look = async (isSecond: boolean): Promise<void> => {
				if (isOver) return;
				const standing = await reconsider(session).catch((fault: unknown): Standing => {
					const { path } = session.call.request;
					deps.logger.error({ err: fault, path }, 'what is open could not be decided on again');
					return { kind: 'refused', reason: 'it could not be decided on again' };
				});
				if (isOver) return;
				if (standing.kind === 'unknown' && !isSecond) {
					cancel ??= deps.clock.after(deps.secondLookAfter, () => void look(true));
					return;
				}
				cancel?.();
				cancel = undefined;
				if (standing.kind !== 'allowed') end(standing.reason);
			};
			return {
				recheck: () => look(false),
				stop() {
					isOver = true;
					cancel?.();
				},
			};
		},
	};
}

/** Does some clause lack nothing but policies that could not be decided, for want of a fact? */
function mayHold(operations: readonly Operation[], verdict: Verdict, spoken: ReadonlySet<string>): boolean {
	return operations.every(({ name, authorization }) => {
		const policyOf = (party: string) =>
			verdict.policies.find(each => each.party === party && each.operation === name);
		// What comes after one that does not hold was not looked at.
		const isOpen = (party: string): boolean => {
			const policy = policyOf(party);
			return policy === undefined || policy.holds || policy.undecided === true;
		};
		return (
			!authorization.closed &&
			authorization.clauses.some(
				({ authorizations, policies }) =>
					authorizations.every(party => spoken.has(party)) && policies.every(isOpen),
			)
		);
	});
}
