import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { actions } from '../model/action.ts';
import { attachments } from '../model/network.ts';
import { portId, ports, switches } from '../model/switch.ts';
import { type SwitchCheck, switchChecks } from '../model/switch-check.ts';
import { type PortState, portState } from './actions.ts';
import { listBy, mustFind } from './find.ts';

interface OfSwitch {
	readonly switch: string;
}

/** The ports of a switch as it calls them. */
export async function listPorts(tx: ReadTransaction, of: OfSwitch): Promise<string[]> {
	await mustFind(tx, switches, of.switch, `switch ${of.switch}`);
	return (await listBy(tx, ports, 'switch', of.switch)).map(({ label }) => label);
}

/** What is recorded of a port that nothing is pending for. */
export interface RecordedPort {
	/** `node/nic`; null when nothing is plugged in, and then nothing is to be on it. */
	readonly nic: string | null;
	readonly recorded: PortState;
}

/** What a port is to carry now; undefined when it is just being changed, or is not recorded any more. */
export async function recordedPort(
	tx: ReadTransaction,
	of: OfSwitch & { readonly port: string },
): Promise<RecordedPort | undefined> {
	const port = await tx.get(ports, portId(of));
	if (!port) return undefined;
	const { nic } = port;
	if (nic === null) return { nic, recorded: portState([]) };
	if ((await tx.count(actions, { index: 'nic', equals: nic })) > 0) return undefined;
	return { nic, recorded: portState(await listBy(tx, attachments, 'nic', nic)) };
}

/** Records what came of a check; of a switch that was forgotten meanwhile, nothing. */
export async function recordCheck(tx: Transaction, of: OfSwitch, check: SwitchCheck): Promise<void> {
	if (await tx.get(switches, of.switch)) await tx.put(switchChecks, of.switch, check);
}
