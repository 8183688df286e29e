import type { Clock } from '../../common/clock.ts';
import type { Operator } from '../operator.ts';
import type { Admit, Grant } from './admission.ts';

export interface LeasedAdmissionOptions {
	/** Asks for a share, having `unused` left; the answer comes by `granted`. */
	readonly ask: (operator: Operator, unused: Grant) => void;
	readonly giveBack: (operator: Operator, grant: Grant) => void;
	/** For what there is no share of at hand: leaves the request to who has the whole. Throws. */
	readonly leave: () => never;
	readonly clock: Pick<Clock, 'after'>;
}

export interface LeasedAdmission {
	readonly admit: Admit;
	granted(operator: Operator, grant: Grant): void;
}

interface Share {
	readonly operator: Operator;
	tokens: number;
	slots: number;
	underWay: number;
	/** Of the last grant that was one: below half of it more is asked for. */
	grant: Grant;
	isAsked: boolean;
	isUsed: boolean;
}

/** Milliseconds after which what an operator has not used here goes back. */
const idle = 5000;

/**
 * What a worker lets in by itself, out of shares of the whole machine's allowances: all processes together never let in
 * more than one would. It refuses nothing; where its share does not do, the request is left to home.
 */
export function createLeasedAdmission(options: LeasedAdmissionOptions): LeasedAdmission {
	const shares = new Map<string, Share>();
	const keyOf = ({ name, party }: Operator): string => `${party} ${name}`;
	const shareOf = (operator: Operator): Share => {
		const key = keyOf(operator);
		const found = shares.get(key);
		if (found) return found;
		if (shares.size === 0) options.clock.after(idle, giveBackIdle);
		const share: Share = {
			operator,
			tokens: 0,
			slots: 0,
			underWay: 0,
			grant: { tokens: 0, slots: 0 },
			isAsked: false,
			isUsed: true,
		};
		shares.set(key, share);
		return share;
	};

	const ask = (share: Share): void => {
		if (share.isAsked) return;
		share.isAsked = true;
		options.ask(share.operator, { tokens: share.tokens, slots: share.slots - share.underWay });
	};

	/** Of who was not here lately all that is free; of the others what came together while more was under way. */
	const giveBackIdle = (): void => {
		for (const [key, share] of shares) {
			const { operator, underWay, isUsed, grant } = share;
			const free = share.slots - underWay;
			const slots = isUsed ? Math.max(0, free - grant.slots) : free;
			const tokens = isUsed ? 0 : share.tokens;
			share.slots -= slots;
			share.tokens -= tokens;
			if (slots > 0 || tokens > 0) options.giveBack(operator, { tokens, slots });
			if (!isUsed && underWay === 0 && !share.isAsked) shares.delete(key);
			share.isUsed = false;
		}
		if (shares.size > 0) options.clock.after(idle, giveBackIdle);
	};

	return {
		admit(operator) {
			const share = shareOf(operator);
			share.isUsed = true;
			if (share.tokens < 1 || share.underWay >= share.slots) {
				ask(share);
				return options.leave();
			}
			share.tokens--;
			share.underWay++;
			if (share.tokens < share.grant.tokens / 2 || share.slots - share.underWay < share.grant.slots / 2)
				ask(share);
			let isOver = false;
			return how => {
				if (isOver) return;
				isOver = true;
				share.underWay--;
				if (how === 'undone') share.tokens++;
			};
		},
		granted(operator, grant) {
			const share = shareOf(operator);
			share.isAsked = false;
			share.tokens += grant.tokens;
			share.slots += grant.slots;
			const { tokens, slots } = share.grant;
			share.grant = { tokens: Math.max(tokens, grant.tokens), slots: Math.max(slots, grant.slots) };
		},
	};
}
