import type { Clock } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { type NewRecord, oem } from '../bmc/event-log.ts';
import type { HostEvent, HostPower, WatchdogSettings } from '../bmc/host.ts';
import type { PowerState, ResetType } from '../bmc/power.ts';
import type { BootPlan } from './boot-plan.ts';
import type { Ending, Machine, StartMachine } from './machine.ts';

export interface ServerPowerOptions {
	readonly clock: Clock;
	/** Milliseconds that the operating system has for shutting down. */
	readonly shutdownTimeoutMs: number;
	readonly start: StartMachine;
	/** How the next boot is to go. */
	plan(): BootPlan;
	watchdog(): WatchdogSettings;
	onEvent(event: HostEvent, now: PowerState, before: PowerState): void;
	/** A boot has begun. */
	onBoot(): void;
	report(record: NewRecord): void;
	/** The last lines of the serial console, for what is reported of a crash. */
	lastWords(): readonly string[];
}

export interface ServerPower extends HostPower {
	machine(): Machine | undefined;
	close(): Promise<void>;
}

/** A boot that the guest ends within this time, in milliseconds, was hasty. */
const HASTY_MS = 3000;
/** So many of them in a row come at once; each further one waits. */
const HASTY_BOOTS = 5;
const PAUSE_MS = 5000;

/**
 * A server's power over a machine that runs while it is on and is gone when it is off. Resets are carried out one at
 * a time, in order; waiting for an operating system to shut down is a state and not a reset, so that it can be cut short.
 */
export function createServerPower(options: ServerPowerOptions): ServerPower {
	const { clock } = options;
	let state: PowerState = { kind: 'Off' };
	let changedAt = clock.now();
	let machine: Machine | undefined;
	/** Counts what was decided about the power: what was to follow an earlier decision is dropped. */
	let decision = 0;
	let isClosed = false;
	let isBusy = false;
	let idle: Promise<void> = Promise.resolve();
	let cancelTimeout: () => void = () => {};
	let cancelPause: () => void = () => {};
	/** On the clock that never goes back. */
	let bootedAt = clock.elapsed();
	/** Boots in a row that ended soon, by the guest's own doing. */
	let hasty = 0;
	const waiting: (() => Promise<void>)[] = [];

	const change = (event: HostEvent, next: PowerState): void => {
		const before = state;
		if (next.kind !== before.kind || 'next' in next) {
			state = next;
			changedAt = clock.now();
		}
		if (next.kind !== 'PoweringOff') cancelTimeout();
		if (!isClosed) options.onEvent(event, state, before);
	};
	const report = (severity: NewRecord['severity'], id: string, message: string, args: readonly string[]) => {
		if (isClosed) return;
		options.report({
			severity,
			messageId: `OpenBMC.0.5.${id}`,
			message,
			args,
			oem: oem('host', id, { Console: [...options.lastWords()] }),
		});
	};

	const work = async (): Promise<void> => {
		for (let next = waiting.shift(); next && !isClosed; next = waiting.shift()) {
			try {
				await next();
			} catch (fault) {
				// How it ended is told by itself.
				if (fault instanceof BimetalError && fault.code === 'QmpClosed') continue;
				report('Critical', 'HostControlFailed', `The host did not do as it was told: ${words(fault)}`, []);
			}
		}
		isBusy = false;
	};
	/** The first is begun at once, so that whoever asked for it sees the state that it leads to. */
	const enqueue = (task: () => Promise<void>): void => {
		if (isClosed) return;
		waiting.push(task);
		if (isBusy) return;
		isBusy = true;
		idle = work();
	};

	/** What follows by itself, unless something else is decided before its turn. */
	const follow = (task: () => Promise<void>): void => {
		const decided = decision;
		enqueue(async () => {
			if (decision === decided) await task();
		});
	};

	/** A guest that does nothing but restart gets no more than a few boots at once. */
	const again = (task: () => Promise<void>): void => {
		hasty = clock.elapsed() - bootedAt < HASTY_MS ? hasty + 1 : 0;
		const decided = decision;
		if (hasty <= HASTY_BOOTS) follow(task);
		else
			cancelPause = clock.after(PAUSE_MS, () => {
				if (decision === decided) follow(task);
			});
	};
	const boot = async (): Promise<void> => {
		if (isClosed) return;
		decision++;
		changedAt = clock.now();
		bootedAt = clock.elapsed();
		let started: Machine;
		try {
			// Once a boot: a guest can say so as often as it likes, and the log wraps.
			let hasCrashed = false;
			started = await options.start(options.plan(), {
				onPanic() {
					if (machine !== started || hasCrashed) return;
					hasCrashed = true;
					report('Critical', 'HostCrashed', 'The operating system of the host reported that it crashed.', []);
				},
				onWatchdog: () => machine === started && watchdogExpired(),
			});
		} catch (fault) {
			change('Failed', { kind: 'Off' });
			report('Critical', 'HostStartFailed', `The host could not be switched on: ${words(fault)}`, []);
			return;
		}
		machine = started;
		void started.ended.then(ending => ended(started, ending));
		if (state.kind === 'PoweringOn') change('Started', { kind: 'On' });
		if (!isClosed) options.onBoot();
	};
	const start = (event: HostEvent): Promise<void> => {
		change(event, { kind: 'PoweringOn' });
		return boot();
	};
	const stop = async (): Promise<void> => {
		decision++;
		const stopped = machine;
		machine = undefined;
		await stopped?.stop();
	};
	const restart = async (event: HostEvent): Promise<void> => {
		change(event, { kind: 'PoweringOn' });
		await stop();
		await boot();
	};
	const shutDown = async (event: ResetType, next: 'Off' | 'PoweringOn'): Promise<void> => {
		if (state.kind === 'Off' || (state.kind === 'PoweringOff' && state.next === next)) return;
		const wasAsked = state.kind === 'PoweringOff';
		change(event, { kind: 'PoweringOff', next });
		if (wasAsked) return;
		cancelTimeout = clock.after(options.shutdownTimeoutMs, () => follow(timedOut));
		await machine?.pressPowerButton();
	};
	const timedOut = async (): Promise<void> => {
		if (state.kind !== 'PoweringOff') return;
		const { next } = state;
		await stop();
		change('ShutdownTimeout', { kind: 'Off' });
		if (next === 'PoweringOn') await start('GracefulRestart');
	};

	const watchdogExpired = (): void => {
		const { enabled, action } = options.watchdog();
		const taken = enabled ? action : 'None';
		report('Critical', 'HostWatchdogExpired', `The host's watchdog expired; the action is ${taken}.`, [
			taken,
		]);
		if (taken === 'ResetSystem') enqueue(() => restart('ForceRestart'));
		if (taken === 'PowerCycle') enqueue(() => restart('PowerCycle'));
		if (taken === 'PowerDown') enqueue(() => reset('ForceOff'));
	};
	const ended = (gone: Machine, ending: Ending): void => {
		if (machine !== gone) return;
		machine = undefined;
		const goesOn = state.kind === 'PoweringOff' && state.next === 'PoweringOn';
		switch (ending.kind) {
			case 'guest reset':
				// Asked to restart by the button, an operating system may do just that.
				if (goesOn) change('ShutdownDone', { kind: 'PoweringOn' });
				again(() => {
					change('GuestReset', state);
					return boot();
				});
				return;
			case 'stopped':
			case 'guest shut down':
				change(state.kind === 'PoweringOff' ? 'ShutdownDone' : 'GuestShutdown', { kind: 'Off' });
				if (goesOn) follow(() => start('GracefulRestart'));
				return;
			case 'failed':
				change('Failed', { kind: 'Off' });
				report('Critical', 'HostFailed', `The host is gone without having shut down: ${ending.detail}`, []);
		}
	};

	const reset = async (type: ResetType): Promise<void> => {
		switch (type) {
			case 'On':
			case 'ForceOn':
				if (state.kind === 'Off') await start(type);
				return;
			case 'ForceOff':
				await stop();
				if (state.kind !== 'Off') change(type, { kind: 'Off' });
				return;
			case 'ForceRestart':
			case 'PowerCycle':
				return restart(type);
			case 'GracefulShutdown':
				return shutDown(type, 'Off');
			case 'GracefulRestart':
				return state.kind === 'Off' ? start(type) : shutDown(type, 'PoweringOn');
			case 'Nmi':
				await machine?.injectNmi();
				change(type, state);
				return;
			default:
				return type satisfies never;
		}
	};

	return {
		state: () => state,
		changedAt: () => changedAt,
		reset: type => enqueue(() => reset(type)),
		machine: () => machine,
		async close() {
			isClosed = true;
			cancelTimeout();
			cancelPause();
			await idle;
			await stop();
		},
	};
}

const words = (fault: unknown): string => (fault instanceof Error ? fault.message : String(fault));
