import { askStatus } from './control-client.ts';
import { findRacks } from './rack-folders.ts';

/** The names of all nodes of all racks of ours that are up. */
export async function nodesOfRacks(env: Readonly<Record<string, string | undefined>>): Promise<string[]> {
	const racks = await findRacks(env);
	const found = await Promise.all(racks.map(({ runFolder }) => askStatus(runFolder).catch(() => undefined)));
	return [...new Set(found.flatMap(status => status?.nodes.map(({ name }) => name) ?? []))];
}
