import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteStore } from '../common/store/sqlite-store.ts';
import type { Store } from '../common/store/store.ts';

/** A new store in a folder of its own; `end` closes it and takes the folder away. */
export async function temporaryStore(): Promise<{ store: Store; end: () => Promise<void> }> {
	const folder = await mkdtemp(join(tmpdir(), 'bimetal-market-'));
	const store = await openSqliteStore({ file: join(folder, 'market.db') });
	return {
		store,
		end: async () => {
			await store.close();
			await rm(folder, { recursive: true });
		},
	};
}

/** The code that `work` was turned away with; undefined when it was not. */
export async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
	try {
		await work;
		return undefined;
	} catch (error) {
		return (error as { code?: string }).code ?? String(error);
	}
}
