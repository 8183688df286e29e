import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import type { PortState } from '../../hil/core/actions.ts';
import { type ChildHil, startChildHil } from './child-hil.ts';
import { readSwitchFile } from './file-switch.fixture.ts';
import { writeHilSite } from './hil-site.ts';
import { type RecordedTruth, readRecords } from './recorded-truth.ts';

/** A site whose hil can be killed, with a switch in a file that outlives it. */
export interface KillableSite {
	/** What the switch carries now. */
	carried(port: string): PortState;
	/** What is recorded; while hil is dead. */
	records(): Promise<RecordedTruth>;
	/** Undefined when it was killed on the way up, as wanted. */
	start(killAt?: number): Promise<ChildHil | undefined>;
}

export async function createKillableSite(t: ExecutionContext): Promise<KillableSite> {
	const folder = await mkdtemp(path.join(tmpdir(), 'hil-faults-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const { config, store } = await writeHilSite(folder);
	const switchFile = path.join(folder, 'switch.json');
	let running: ChildHil | undefined;
	t.teardown(() => running?.end());
	return {
		carried: port => readSwitchFile(switchFile)[port] ?? { native: null, tagged: [] },
		records: () => readRecords(store),
		async start(killAt) {
			running = await startChildHil(config, { switchFile, ...(killAt !== undefined && { killAt }) });
			return running;
		},
	};
}

/** Whether hil is still there at the end of what was asked of it; false when it was killed meanwhile. */
export async function livesThrough(hil: ChildHil, asked: Promise<void>): Promise<boolean> {
	try {
		await asked;
		return true;
	} catch (fault) {
		// It fails because hil is dead, or for a reason that the test should tell.
		const late = new Promise<never>((_, reject) => setTimeout(reject, 10_000, fault).unref());
		return (await Promise.race([hil.exit, late])) !== 'SIGKILL';
	}
}
