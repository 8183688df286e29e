import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';

const MILLISECONDS: Readonly<Record<string, number>> = {
	ms: 1,
	s: 1000,
	m: 60_000,
	h: 3_600_000,
	d: 86_400_000,
};

/** A span of time as people write it (`500ms`, `5s`, `15m`, `8h`, `30d`); milliseconds once read. */
export const duration = z
	.string('expected a duration, for instance 5s')
	.regex(/^\d{1,9}(?:\.\d{1,3})?(?:ms|s|m|h|d)$/, 'expected a duration: 500ms, 5s, 15m, 8h or 30d')
	.transform(text => {
		const unit = text.replace(/^[\d.]+/, '');
		return Math.round(Number.parseFloat(text) * (MILLISECONDS[unit] ?? Number.NaN));
	});

const BYTES: Readonly<Record<string, number>> = {
	B: 1,
	kB: 1e3,
	MB: 1e6,
	GB: 1e9,
	TB: 1e12,
	KiB: 2 ** 10,
	MiB: 2 ** 20,
	GiB: 2 ** 30,
	TiB: 2 ** 40,
};

/** A size as people write it (`512B`, `64KiB`, `1MiB`, `2GB`); bytes once read. */
export const byteSize = z
	.string('expected a size, for instance 1MiB')
	.regex(/^\d{1,6}(?:\.\d{1,3})?(?:B|[kMGT]B|[KMGT]iB)$/, 'expected a size: 512B, 64KiB, 1MiB or 2GB')
	.transform(text => {
		const unit = text.replace(/^[\d.]+/, '');
		return Math.round(Number.parseFloat(text) * (BYTES[unit] ?? Number.NaN));
	});

/** The path of a file that must be there and readable, relative to `folder`; absolute once read. */
export function existingFile(folder: string) {
	return z
		.string('expected the path of a file')
		.min(1, 'expected the path of a file')
		.transform(path => resolve(folder, path))
		.superRefine((path, context) => {
			const fault = faultOf(path);
			if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
		});
}

/**
 * The path of a file with a secret in it, relative to `folder`; absolute once read. Configuration names
 * secrets, it never holds them, so that it can be shown, copied and committed. The file must not be empty, and
 * neither its group nor others may have any right on it.
 */
export function secretFile(folder: string) {
	return existingFile(folder).superRefine((path, context) => {
		const stat = statSync(path, { throwIfNoEntry: false });
		if (!stat?.isFile()) return;
		if (stat.size === 0) context.addIssue({ code: 'custom', message: `the secret file ${path} is empty` });
		if ((stat.mode & 0o077) !== 0) {
			const message = `others than its owner have rights on the secret file ${path}: chmod 600 it`;
			context.addIssue({ code: 'custom', message });
		}
	});
}

function faultOf(path: string): string | undefined {
	try {
		if (!statSync(path).isFile()) return `${path} is not a file`;
		accessSync(path, constants.R_OK);
		return undefined;
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		return code === 'ENOENT' ? `there is no file ${path}` : `${path} cannot be read: ${code}`;
	}
}
