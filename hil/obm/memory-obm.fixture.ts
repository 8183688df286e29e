import { hilErrors } from '../errors.ts';
import type { BootDevice, Obm, ObmOutcome, RequestState } from './obm.ts';

/** A machine with its management, in memory. */
export interface MemoryMachine {
	power: 'on' | 'off';
	bootDevice: BootDevice;
	/** What was done to it, in order. */
	readonly done: string[];
	isAway: boolean;
	/** Every change waits for CP. */
	mustWait: boolean;
	/** A power-off takes effect only when this is called. */
	slowOff: (() => void) | true | undefined;
}

export interface MemoryObm extends Obm {
	at(uri: string): MemoryMachine;
	/** Approves or denies what waits, by request. */
	decide(request: string, isApproved: boolean): void;
	readonly requests: ReadonlyMap<string, RequestState>;
}

export function createMemoryObm(): MemoryObm {
	const machines = new Map<string, MemoryMachine>();
	const waiting = new Map<string, () => void>();
	const requests = new Map<string, RequestState>();
	const at = (uri: string): MemoryMachine => {
		const known = machines.get(uri) ?? {
			power: 'on',
			bootDevice: 'pxe',
			done: [],
			isAway: false,
			mustWait: false,
			slowOff: undefined,
		};
		machines.set(uri, known);
		return known;
	};
	const reach = (uri: string): MemoryMachine => {
		const machine = at(uri);
		if (machine.isAway) throw hilErrors.OBMError('the BMC does not answer');
		return machine;
	};
	function change(uri: string, what: string, how: (machine: MemoryMachine) => void): ObmOutcome {
		const machine = reach(uri);
		const act = () => {
			machine.done.push(what);
			how(machine);
		};
		if (!machine.mustWait) {
			act();
			return { kind: 'done' };
		}
		const request = `request-${requests.size + 1}`;
		requests.set(request, 'waiting');
		waiting.set(request, act);
		return { kind: 'waiting', request, needs: 'CP' };
	}
	return {
		at,
		requests,
		decide(request, isApproved) {
			if (isApproved) waiting.get(request)?.();
			requests.set(request, isApproved ? 'done' : 'failed');
		},
		power: async (uri, wanted) =>
			change(uri, wanted, machine => {
				const off = () => {
					machine.power = 'off';
				};
				if (wanted !== 'off') machine.power = 'on';
				else if (machine.slowOff) machine.slowOff = off;
				else off();
			}),
		state: async uri => ({ power: reach(uri).power, bootDevice: reach(uri).bootDevice }),
		setBootDevice: async (uri, device) =>
			change(uri, `boot ${device}`, machine => {
				machine.bootDevice = device;
			}),
		openConsole: async () => {
			throw hilErrors.OBMError('there is no console');
		},
		follow: async (_uri, request) => requests.get(request) ?? 'failed',
		async withdraw(_uri, request) {
			requests.set(request, 'failed');
		},
		close: async () => undefined,
	};
}
