import type { Clock } from '../../common/clock.ts';
import type { Bmc } from '../bmc/bmc.ts';

/** A server as far as its power goes. */
export interface Switchable {
	readonly name: string;
	readonly bmc: Pick<Bmc, 'powerState' | 'press'>;
	/** Seconds since its start for which it has wanted a processor; see processor-demand.ts. */
	demand(): number;
}

export interface SwitchOn {
	/** Resolves when every server has booted or does not get on. */
	switchOn(): Promise<void>;
	/** Resolves when every server is off. */
	switchOff(patienceMs: number): Promise<void>;
	/** What waits ends; nothing is switched any more. */
	stop(): void;
}

/** Milliseconds between two looks. */
const LOOK_MS = 500;
/** A boot takes at least this long: before, a server that does little has only not begun. */
const LEAST_MS = 3000;
/** Looks in a row at which it does little, for its boot to be over: it waits for a disk now and then. */
const QUIET_LOOKS = 4;
/** Little is less of a processor than this. */
const LITTLE = 0.25;
const BOOT_LIMIT_MS = 45_000;

/**
 * Switches servers on, at most `together` of them booting at a time: a boot keeps a processor busy, and eight at once
 * would starve the BMCs. That a boot is over shows in how little the machine does, whatever it boots.
 */
export function createSwitchOn(options: {
	readonly nodes: readonly Switchable[];
	readonly together: number;
	readonly clock: Clock;
	readonly onProgress: (text: string) => void;
	/** The next one starts after this many milliseconds at the latest; 45 s when absent. */
	readonly bootLimitMs?: number | undefined;
}): SwitchOn {
	const bootLimitMs = options.bootLimitMs ?? BOOT_LIMIT_MS;
	const { nodes, together, clock, onProgress } = options;
	const waiting = new Set<() => void>();
	let isStopped = false;
	const wait = (ms: number): Promise<void> =>
		new Promise(resolve => {
			const end = (): void => {
				cancel();
				waiting.delete(end);
				resolve();
			};
			const cancel = clock.after(ms, end);
			waiting.add(end);
		});

	const boot = async ({ bmc, demand }: Switchable): Promise<void> => {
		bmc.press('On');
		const began = clock.elapsed();
		let last = { at: began, demand: demand() };
		for (let quiet = 0; quiet < QUIET_LOOKS && !isStopped; ) {
			await wait(LOOK_MS);
			const now = { at: clock.elapsed(), demand: demand() };
			const share = ((now.demand - last.demand) * 1000) / (now.at - last.at);
			last = now;
			const took = now.at - began;
			// It did not start, has shut itself down, or was switched off: nothing to wait for.
			if (took >= bootLimitMs || (took >= LEAST_MS && bmc.powerState() === 'Off')) return;
			quiet = took >= LEAST_MS && share < LITTLE ? quiet + 1 : 0;
		}
	};
	return {
		async switchOn() {
			const off = nodes.filter(({ bmc }) => bmc.powerState() === 'Off');
			const next = off.values();
			let done = 0;
			const lane = async (): Promise<void> => {
				for (const node of next) {
					if (isStopped) return;
					onProgress(`switching on: ${done} of ${off.length} servers have booted, ${node.name} starts`);
					await boot(node);
					done++;
				}
			};
			await Promise.all(Array.from({ length: together }, lane));
		},
		async switchOff(patienceMs) {
			const on = () => nodes.filter(({ bmc }) => bmc.powerState() !== 'Off');
			for (const { bmc } of on()) bmc.press('GracefulShutdown');
			const began = clock.elapsed();
			while (on().length > 0 && clock.elapsed() - began < patienceMs && !isStopped) {
				onProgress(`shutting down: ${on().length} of ${nodes.length} servers are still on`);
				await wait(LOOK_MS);
			}
			for (const { bmc } of on()) bmc.press('ForceOff');
			const forced = clock.elapsed();
			while (on().length > 0 && clock.elapsed() - forced < patienceMs && !isStopped) await wait(LOOK_MS);
		},
		stop() {
			isStopped = true;
			for (const end of waiting) end();
		},
	};
}
