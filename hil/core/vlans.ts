import type { Transaction } from '../../common/store/store.ts';
import { hilErrors } from '../errors.ts';
import { vlanKey, vlans } from '../model/network.ts';

/** A VLAN for a network: any free one of the pool. */
export async function allocateVlan(tx: Transaction, network: string): Promise<number> {
	const [first] = await tx.list(vlans, { where: { index: 'state', equals: 'free' }, limit: 1 });
	if (!first) throw hilErrors.AllocationError('Every VLAN of the pool is taken.');
	await tx.put(vlans, first.id, { ...first.document, network });
	return first.document.vlan;
}

/**
 * That very VLAN, of the pool or not.
 * @throws BadArgumentError for what is none; BlockedError when another network has it
 */
export async function claimVlan(
	tx: Transaction,
	network: string,
	text: string,
): Promise<{ vlan: number; allocated: boolean }> {
	const vlan = /^[1-9]\d{0,3}$/.test(text) ? Number(text) : Number.NaN;
	if (!(vlan >= 1 && vlan <= 4094)) throw hilErrors.BadArgumentError(`'${text}' is no VLAN: 1 to 4094 are.`);
	const found = await tx.get(vlans, vlanKey(vlan));
	if (found && found.network !== null) {
		throw hilErrors.BlockedError(`VLAN ${vlan} is taken by another network: choose another one.`);
	}
	const allocated = found?.pool ?? false;
	await tx.put(vlans, vlanKey(vlan), { vlan, network, pool: allocated });
	return { vlan, allocated };
}

export async function releaseVlan(tx: Transaction, vlan: number): Promise<void> {
	const found = await tx.get(vlans, vlanKey(vlan));
	if (found?.pool) await tx.put(vlans, vlanKey(vlan), { ...found, network: null });
	else await tx.delete(vlans, vlanKey(vlan));
}

/** Makes the pool what the configuration says. A VLAN that a network has stays its own, in the pool or out of it. */
export async function setVlanPool(tx: Transaction, pool: ReadonlySet<number>): Promise<void> {
	for (const { id, document } of await tx.list(vlans)) {
		const isIn = pool.has(document.vlan);
		if (!isIn && document.network === null) await tx.delete(vlans, id);
		else if (isIn !== document.pool) await tx.put(vlans, id, { ...document, pool: isIn });
	}
	for (const vlan of pool) {
		if ((await tx.get(vlans, vlanKey(vlan))) === undefined) {
			await tx.insert(vlans, vlanKey(vlan), { vlan, network: null, pool: true });
		}
	}
}
