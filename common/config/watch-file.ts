import { watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Clock } from '../clock.ts';

/** Editors write a file in several steps; milliseconds of quiet before it is read. */
const quiet = 200;

/** Tells when a file was changed, or another put in its place, and has been left alone for a moment. Keeps no process alive. */
export function watchFile(of: { readonly file: string; readonly clock: Clock; onChange(): void }): {
	close(): void;
} {
	let cancel: (() => void) | undefined;
	// The folder is watched, not the file: an editor's rename puts another file in its place.
	const watcher = watch(dirname(of.file), { persistent: false }, (_event, name) => {
		if (name !== null && name !== basename(of.file)) return;
		cancel?.();
		cancel = of.clock.after(quiet, of.onChange);
	});
	watcher.on('error', () => watcher.close());
	return {
		close() {
			cancel?.();
			watcher.close();
		},
	};
}
