import type { Baseline } from '../judge/baseline.ts';
import type { Admission, Cause, Keys } from '../model/admission.ts';

/** Of what came for one admission and no TPM of its node had signed, so many are kept. */
export const straysKept = 100;

/** What happens to an admission. */
export type AdmissionEvent =
	| { readonly kind: 'good'; readonly keys: Keys; readonly baseline: Baseline }
	/** A reference boot: it is taken as it is. */
	| { readonly kind: 'learnt'; readonly keys: Keys }
	| { readonly kind: 'bad'; readonly keys: Keys; readonly cause: Cause }
	/** Refused, and not from this node for sure: it says nothing of it. */
	| { readonly kind: 'stray'; readonly cause: Cause }
	| { readonly kind: 'time' }
	| { readonly kind: 'withdraw'; readonly reason: string }
	| { readonly kind: 'end' };

/**
 * The state after an event; the same object when nothing changes. What is over stays so: whoever wants the node back asks
 * for a new admission.
 * @param now milliseconds since the epoch
 */
export function nextState(admission: Admission, event: AdmissionEvent, now: number): Admission {
	switch (admission.state) {
		case 'rejected':
		case 'revoked':
		case 'learnt':
		case 'ended':
			return admission;
		case 'waiting':
		case 'attested':
			break;
		default:
			admission satisfies never;
	}
	// Whatever comes too late meets an admission that is over.
	if (admission.until <= now && event.kind !== 'time') return nextState(admission, { kind: 'time' }, now);
	const isKept = event.kind === 'stray' && admission.strays < straysKept;
	const counted = isKept || ['good', 'bad', 'learnt'].includes(event.kind) ? 1 : 0;
	const { node, project, policy, policyName, interval, lease, askedAt, askedBy, strays, stray } = admission;
	const { standard } = admission;
	const records = admission.records + counted;
	const base = {
		node,
		project,
		policy,
		policyName,
		...(standard !== undefined && { standard }),
		interval,
		lease,
		askedAt,
		askedBy,
		records,
		strays,
		stray,
	};
	const keys = 'keys' in event ? event.keys : admission.state === 'attested' ? admission.keys : null;
	const over = { ...base, keys, endedAt: now };
	switch (event.kind) {
		case 'good': {
			const since = admission.state === 'attested' ? admission.since : now;
			const { keys, baseline } = event;
			return { state: 'attested', ...base, keys, baseline, since, until: now + lease };
		}
		case 'learnt':
			return { state: 'learnt', ...over };
		case 'bad':
			return { state: admission.state === 'attested' ? 'revoked' : 'rejected', ...over, cause: event.cause };
		case 'stray':
			return { ...admission, records, strays: strays + 1, stray: event.cause };
		case 'time': {
			if (admission.until > now) return admission;
			const reason = `no good evidence came within ${Math.round((admission.state === 'attested' ? lease : admission.until - askedAt) / 1000)} s`;
			const last = stray ? `; what came was refused: ${stray.code}: ${stray.reason}` : '';
			const cause: Cause = { code: 'Silent', reason: `${reason}${last}` };
			return { state: admission.state === 'attested' ? 'revoked' : 'rejected', ...over, cause };
		}
		case 'withdraw':
			return {
				state: admission.state === 'attested' ? 'revoked' : 'rejected',
				...over,
				cause: { code: 'Withdrawn', reason: event.reason },
			};
		case 'end':
			return { state: 'ended', ...over };
		default:
			return event satisfies never;
	}
}
