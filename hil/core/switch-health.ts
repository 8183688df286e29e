import type { ReadTransaction } from '../../common/store/store.ts';
import { actions } from '../model/action.ts';
import { switches } from '../model/switch.ts';
import { type SwitchCheck, switchChecks } from '../model/switch-check.ts';
import { mustFind } from './find.ts';

/** What is recorded of how a switch gets on. */
export interface SwitchHealth {
	readonly name: string;
	readonly type: string;
	/** Changes of its ports that wait. */
	readonly queued: number;
	/** The last time that all its ports were looked at. */
	readonly check: SwitchCheck | undefined;
}

export async function showSwitchHealth(
	tx: ReadTransaction,
	of: { readonly switch: string },
): Promise<SwitchHealth> {
	const { label, type } = await mustFind(tx, switches, of.switch, `switch ${of.switch}`);
	const queued = await tx.count(actions, { index: 'switch', equals: label });
	return { name: label, type, queued, check: await tx.get(switchChecks, label) };
}

/** All switches, by name. */
export async function listSwitchHealth(tx: ReadTransaction): Promise<SwitchHealth[]> {
	const found: SwitchHealth[] = [];
	for (const { id } of await tx.list(switches)) found.push(await showSwitchHealth(tx, { switch: id }));
	return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}
