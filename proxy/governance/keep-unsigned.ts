import type { Clock } from '../../common/clock.ts';
import type { Store } from '../../common/store/store.ts';
import { loadPolicies, type PolicyFolder } from '../policy/load-policies.ts';
import type { PolicySet } from '../policy/policy-set.ts';
import { putInForce, readInForce } from './in-force.ts';
import type { KeptVersions } from './kept-versions.ts';
import { readSnapshot } from './read-snapshot.ts';
import { snapshotId } from './snapshot.ts';

/** Keeps a version that was taken unsigned from the folder, so that it can be looked at and gone back to. */
export async function keepUnsigned(
	deps: {
		readonly folder: string;
		readonly policies: PolicyFolder;
		readonly kept: KeptVersions;
		readonly store: Store;
		readonly clock: Clock;
	},
	set: PolicySet,
): Promise<void> {
	const { kept, store, clock } = deps;
	const snapshot = await readSnapshot(deps.folder, deps.policies.parties);
	const before = await store.read(readInForce);
	if (before?.entry.id === snapshotId(snapshot) && !before.entry.signed) return;
	const id = await kept.keep(snapshot);
	// Edited again since it was taken: what is in the folder by now has a turn of its own.
	const is = await loadPolicies({ ...deps.policies, folder: kept.folderOf(id) }).catch(() => undefined);
	if (is?.version !== set.version) return;
	await store.transact(tx =>
		putInForce(
			tx,
			{
				id,
				policyVersion: set.version,
				signed: false,
				parts: {},
				replaces: before?.entry.id ?? null,
				at: clock.now(),
				by: null,
				change: null,
			},
			undefined,
		),
	);
}
