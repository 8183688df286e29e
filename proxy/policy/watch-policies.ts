import { type FSWatcher, watch } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../common/clock.ts';
import { loadPolicies, type PolicyFolder } from './load-policies.ts';
import type { PolicySet } from './policy-set.ts';

/** Editors write a file in several steps; milliseconds of quiet before it is read. */
const quiet = 200;

export interface PolicyWatch extends PolicyFolder {
	readonly clock: Clock;
	/** Where not everything that the folder holds may be taken: what is in force, and how the folder is read. */
	readonly signed?: { readonly initial: PolicySet; readonly read: () => Promise<PolicySet> } | undefined;
	/** The first set was taken before; told of each later version. */
	onChange(set: PolicySet): void;
	/** The change was refused (usually a ConfigError); the last good set goes on. */
	onProblems(error: unknown): void;
}

export interface WatchedPolicies {
	/** The last good set. */
	current(): PolicySet;
	/** Reads the folder now; resolves when the outcome has been told. Never rejects. */
	reload(): Promise<void>;
	close(): void;
}

/**
 * Takes a folder's policies and follows its changes. A bad change keeps the last good set.
 * @throws ConfigError when the policies are bad at the start
 */
export async function watchPolicies(options: PolicyWatch): Promise<WatchedPolicies> {
	const load = options.signed?.read ?? (() => loadPolicies(options));
	let set = options.signed?.initial ?? (await load());
	let closed = false;
	let cancel: (() => void) | undefined;
	let watchers: FSWatcher[] = [];
	let reading: Promise<void> = Promise.resolve();

	const read = async (): Promise<void> => {
		if (closed) return;
		try {
			const next = await load();
			if (closed || next.version === set.version) return;
			set = next;
			options.onChange(next);
		} catch (error) {
			if (!closed) options.onProblems(error);
		}
	};
	// One after the other: an older reading must not overtake a newer one.
	const reload = (): Promise<void> => {
		reading = reading.then(read);
		return reading;
	};
	const follow = (): void => {
		for (const watcher of watchers) watcher.close();
		const folders = ['', ...options.parties.map(party => party.toLowerCase())];
		watchers = folders.flatMap(name => followFolder(join(options.folder, name), changed));
	};
	const changed = (): void => {
		cancel?.();
		cancel = options.clock.after(quiet, () => {
			// A party's folder may have come or gone.
			if (!closed) follow();
			void reload();
		});
	};
	follow();
	return {
		current: () => set,
		reload,
		close() {
			closed = true;
			cancel?.();
			for (const watcher of watchers) watcher.close();
			watchers = [];
		},
	};
}

function followFolder(folder: string, changed: () => void): FSWatcher[] {
	try {
		const watcher = watch(folder, { persistent: false }, changed);
		watcher.on('error', () => watcher.close());
		return [watcher];
	} catch {
		return []; // No such folder now; the one above it tells when it comes.
	}
}
