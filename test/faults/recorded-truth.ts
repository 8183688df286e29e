import { openSqliteStore } from '../../common/store/sqlite-store.ts';
import type { Store } from '../../common/store/store.ts';
import type { PortState } from '../../hil/core/actions.ts';
import { networks } from '../../hil/model/network.ts';
import { nics, nodes } from '../../hil/model/node.ts';
import { describeState } from '../../hil/switches/driver.ts';

/** What stands in hil's store. */
export interface RecordedTruth {
	/** By node: its project, the port it is in, and the VLANs of networks that its project may use. */
	readonly nodes: ReadonlyMap<string, { project: string | null; port: string; allowed: readonly number[] }>;
	readonly vlans: Readonly<Record<string, number>>;
}

/** Of a hil that is not running. */
export async function readRecords(file: string): Promise<RecordedTruth> {
	const store = await openSqliteStore({ file });
	try {
		return await recordsOf(store);
	} finally {
		await store.close();
	}
}

export const recordsOf = (store: Store): Promise<RecordedTruth> =>
	store.read(async tx => {
		const wires = (await tx.list(networks)).map(({ document }) => document);
		const found: [string, { project: string | null; port: string; allowed: number[] }][] = [];
		for (const { id, document } of await tx.list(nodes)) {
			const { project } = document;
			const allowed = wires
				.filter(({ access }) => project !== null && access?.includes(project))
				.map(({ vlan }) => vlan);
			const plug = (await tx.get(nics, `${id}/eth0`))?.port ?? '';
			found.push([id, { project, port: plug.slice(plug.indexOf('/') + 1), allowed }]);
		}
		return {
			nodes: new Map(found),
			vlans: Object.fromEntries(wires.map(({ label, vlan }) => [label, vlan])),
		};
	});

/** What is wrong with what ports carry, by the records: a node on a VLAN that its project has no network of. */
export function strayNodes(truth: RecordedTruth, carried: (port: string) => PortState): string[] {
	return [...truth.nodes].flatMap(([node, { project, port, allowed }]) => {
		const state = carried(port);
		const vlans = [...state.tagged, ...(state.native === null ? [] : [state.native])];
		return vlans.every(vlan => allowed.includes(vlan))
			? []
			: [`${node} of ${project} carries ${describeState(state)}`];
	});
}
