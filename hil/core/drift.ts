import type { ReadTransaction } from '../../common/store/store.ts';
import { actions } from '../model/action.ts';
import { attachments } from '../model/network.ts';
import { ports, switches } from '../model/switch.ts';
import { type PortState, portState } from './actions.ts';
import { listBy, mustFind } from './find.ts';

/** What is recorded of a port that nothing is pending for. */
export interface RecordedPort {
	/** As the switch calls it. */
	readonly port: string;
	/** `node/nic`; null when nothing is plugged in. */
	readonly nic: string | null;
	readonly recorded: PortState;
}

/** What each port of a switch is to carry now; ports that are just being changed are left out. */
export async function recordedPorts(
	tx: ReadTransaction,
	of: { readonly switch: string },
): Promise<RecordedPort[]> {
	await mustFind(tx, switches, of.switch, `switch ${of.switch}`);
	const found: RecordedPort[] = [];
	for (const { label: port, nic } of await listBy(tx, ports, 'switch', of.switch)) {
		if (nic !== null && (await tx.count(actions, { index: 'nic', equals: nic })) > 0) continue;
		const attached = nic === null ? [] : await listBy(tx, attachments, 'nic', nic);
		found.push({ port, nic, recorded: portState(attached) });
	}
	return found;
}
