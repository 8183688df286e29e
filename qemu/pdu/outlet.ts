import type { PowerStateName } from '../bmc/bmc.ts';
import { drawnWatts, spread } from '../bmc/simulated/readings.ts';

/** One outlet of the PDU and the server that hangs on it. */
export interface Outlet {
	/** As in `/Outlets/{id}`. */
	readonly id: string;
	readonly name: string;
	/** The server's power state, named as Redfish names it. */
	serverState(): PowerStateName;
	/** Watts that the server draws, where they are measured; otherwise they follow from its state. */
	serverWatts?(): number;
	/** Called when the outlet's own switch cuts the power, or gives it back. */
	onSwitch?(state: 'On' | 'Off'): void;
}

/** How long a reading stands, in milliseconds; also how often readings are published. */
export const SAMPLE_MS = 2000;

/**
 * What an outlet delivers, in watts: what the server draws. Where that follows from its state alone there are two watts
 * up or down to it, which a sample's number and the outlet's id decide, so that two runs by the same clock read the same.
 */
export function outletWatts(outlet: Outlet, switchedOn: boolean, now: number): number {
	if (!switchedOn) return 0;
	if (outlet.serverWatts) return outlet.serverWatts();
	const kind = outlet.serverState();
	const sample = Math.floor(now / SAMPLE_MS);
	const ripple = kind === 'Off' ? 0 : Math.max(-2, Math.min(2, spread(`${outlet.id}/${sample}`)));
	return drawnWatts(kind) + ripple;
}
