import type { Operator } from '../operator.ts';

/** Where a console session stands. */
export type ConsoleState =
	/** The BMC has been asked to open it. */
	| { readonly kind: 'opening' }
	/** On the record, and bytes go both ways. */
	| { readonly kind: 'open' }
	/** For good; `by` is null when nobody of the site ended it. */
	| { readonly kind: 'ended'; readonly by: Operator | null; readonly reason: string; readonly at: number };

export type ConsoleEvent =
	| { readonly kind: 'opened' }
	| { readonly kind: 'end'; readonly by: Operator | null; readonly reason: string; readonly at: number };

/** The next state, pure. What has ended stays as it ended: the first reason is the one on the record. */
export function nextConsole(state: ConsoleState, event: ConsoleEvent): ConsoleState {
	switch (state.kind) {
		case 'opening':
			return event.kind === 'opened' ? { kind: 'open' } : endedBy(event);
		case 'open':
			return event.kind === 'opened' ? state : endedBy(event);
		case 'ended':
			return state;
	}
}

const endedBy = ({ by, reason, at }: ConsoleEvent & { kind: 'end' }): ConsoleState => ({
	kind: 'ended',
	by,
	reason,
	at,
});
