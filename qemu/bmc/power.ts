import type { Clock } from '../../common/clock.ts';

/** What `ComputerSystem.Reset` takes on OpenBMC. */
export const RESET_TYPES = [
	'ForceOff',
	'PowerCycle',
	'Nmi',
	'On',
	'ForceOn',
	'GracefulShutdown',
	'GracefulRestart',
	'ForceRestart',
] as const;
export type ResetType = (typeof RESET_TYPES)[number];

/** A server's power, named as Redfish names it; PoweringOn lasts as long as the firmware's self-test (POST). */
export type PowerState =
	| { readonly kind: 'Off' }
	| { readonly kind: 'PoweringOn' }
	| { readonly kind: 'On' }
	| { readonly kind: 'PoweringOff'; readonly next: 'Off' | 'PoweringOn' };

export type PowerEvent = ResetType | 'PostDone' | 'ShutdownDone';

/** The pure state machine; the same object back means that nothing changes. */
export function nextPower(state: PowerState, event: PowerEvent): PowerState {
	switch (event) {
		case 'On':
		case 'ForceOn':
			return state.kind === 'Off' ? { kind: 'PoweringOn' } : state;
		case 'ForceOff':
			return state.kind === 'Off' ? state : { kind: 'Off' };
		case 'ForceRestart':
		case 'PowerCycle':
			return { kind: 'PoweringOn' };
		case 'GracefulShutdown':
			return shutDown(state, 'Off');
		case 'GracefulRestart':
			return state.kind === 'Off' ? { kind: 'PoweringOn' } : shutDown(state, 'PoweringOn');
		case 'Nmi':
			return state;
		case 'PostDone':
			return state.kind === 'PoweringOn' ? { kind: 'On' } : state;
		case 'ShutdownDone':
			return state.kind === 'PoweringOff' ? { kind: state.next } : state;
		default:
			return event satisfies never;
	}
}

function shutDown(state: PowerState, next: 'Off' | 'PoweringOn'): PowerState {
	if (state.kind === 'Off' || (state.kind === 'PoweringOff' && state.next === next)) return state;
	// No operating system runs during POST that could shut itself down: the power goes at once.
	return state.kind === 'PoweringOn' ? { kind: next } : { kind: 'PoweringOff', next };
}

export interface Power {
	state(): PowerState;
	/** Milliseconds since the epoch of the last change to On or Off. */
	changedAt(): number;
	reset(type: ResetType): void;
	/** Nothing happens from then on. */
	stop(): void;
}

/** Runs the machine by the clock: POST and shutting down end after their times, in milliseconds. */
export function createPower(options: {
	readonly initial: 'Off' | 'On' | 'PoweringOn';
	readonly clock: Clock;
	readonly postTimeMs: number;
	readonly shutdownTimeMs: number;
	readonly onEvent: (event: PowerEvent, state: PowerState, before: PowerState) => void;
}): Power {
	const { clock } = options;
	let state: PowerState = { kind: options.initial };
	let changedAt = clock.now();
	let isStopped = false;
	let cancel: () => void = () => {};
	const arm = () => {
		cancel();
		cancel = () => {};
		if (state.kind === 'PoweringOn') cancel = clock.after(options.postTimeMs, () => apply('PostDone'));
		if (state.kind === 'PoweringOff')
			cancel = clock.after(options.shutdownTimeMs, () => apply('ShutdownDone'));
	};
	const apply = (event: PowerEvent) => {
		if (isStopped) return;
		const before = state;
		state = nextPower(state, event);
		if (state !== before) {
			changedAt = clock.now();
			arm();
		}
		options.onEvent(event, state, before);
	};
	arm();
	return {
		state: () => state,
		changedAt: () => changedAt,
		reset: apply,
		stop() {
			isStopped = true;
			cancel();
		},
	};
}
