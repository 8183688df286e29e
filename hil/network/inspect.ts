import type { Store } from '../../common/store/store.ts';
import type { PortState } from '../core/actions.ts';
import { recordedPorts } from '../core/drift.ts';
import { isSameState } from '../switches/driver.ts';
import { bringTo, type CarryOutDeps, readPort } from './carry-out.ts';

/** A port that carries something else than what is recorded. */
export interface DriftedPort {
	readonly port: string;
	/** `node/nic`; null when nothing is plugged in. */
	readonly nic: string | null;
	readonly recorded: PortState;
	/** What the switch said. */
	readonly found: PortState;
	/** It was put right, and looked at again. */
	readonly repaired: boolean;
}

/**
 * Compares what is recorded of a switch with what the switch says. Runs in the turn of the switch's worker, in which
 * alone records of its ports change.
 * @throws SwitchAway or SwitchRefused when it cannot be asked, or a port not be put right
 */
export async function inspectSwitch(
	store: Store,
	label: string,
	isRepair: boolean,
	deps: CarryOutDeps,
): Promise<DriftedPort[]> {
	const drifted: DriftedPort[] = [];
	for (const { port, nic, recorded } of await store.read(tx => recordedPorts(tx, { switch: label }))) {
		const found = await readPort(port, deps);
		if (isSameState(found, recorded)) continue;
		if (isRepair) await bringTo(port, recorded, deps);
		drifted.push({ port, nic, recorded, found, repaired: isRepair });
	}
	return drifted;
}
