import type { Admission, Grant } from '../limits/admission.ts';
import type { Operator } from '../operator.ts';

/** What one worker has of the machine's allowances, so that it can be taken back when the worker is gone. */
export interface MemberLeases {
	lease(operator: Operator, unused: Grant): Grant;
	giveBack(operator: Operator, grant: Grant): void;
	end(): void;
}

export function createMemberLeases(whole: Pick<Admission, 'lease' | 'giveBack'>): MemberLeases {
	const held = new Map<string, { readonly operator: Operator; slots: number }>();
	const holdingOf = (operator: Operator) => {
		const key = `${operator.party} ${operator.name}`;
		const found = held.get(key) ?? { operator, slots: 0 };
		held.set(key, found);
		return found;
	};
	return {
		lease(operator, unused) {
			const grant = whole.lease(operator, unused);
			holdingOf(operator).slots += grant.slots;
			return grant;
		},
		giveBack(operator, { tokens, slots }) {
			holdingOf(operator).slots -= slots;
			whole.giveBack(operator, { tokens, slots });
		},
		end() {
			// Its tokens are gone with it: how many it had used nobody knows.
			for (const { operator, slots } of held.values()) whole.giveBack(operator, { tokens: 0, slots });
			held.clear();
		},
	};
}
