import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';

/** A file that takes what a serial port writes and does not grow for ever. */
export interface ConsoleFile {
	add(bytes: Buffer): void;
	close(): void;
}

/**
 * Adds to `file`, mode 0600, for people type passwords on consoles. Where it would become longer than `limit` bytes it
 * is renamed to `file`.1, in the place of the one before, and begun anew. A disk that takes no more ends the record,
 * not the machine: `onFault` is told once.
 * @throws the error of opening it
 */
export function openConsoleFile(
	file: string,
	options: { readonly limit?: number; onFault(fault: unknown): void },
): ConsoleFile {
	const limit = options.limit ?? 8 * 1024 * 1024;
	const open = () => openSync(file, 'a', 0o600);
	let descriptor: number | undefined = open();
	let length = fstatSync(descriptor).size;
	const close = (): void => {
		if (descriptor !== undefined) closeSync(descriptor);
		descriptor = undefined;
	};
	return {
		add(bytes) {
			if (descriptor === undefined) return;
			try {
				if (length > 0 && length + bytes.length > limit) {
					close();
					renameSync(file, `${file}.1`);
					descriptor = open();
					length = 0;
				}
				length += writeSync(descriptor, bytes);
			} catch (fault) {
				close();
				options.onFault(fault);
			}
		},
		close,
	};
}
