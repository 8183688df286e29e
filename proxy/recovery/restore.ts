import { randomBytes } from 'node:crypto';
import { lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { syncFolder } from '../../common/store/durable-file.ts';
import { unpack } from './entries.ts';
import { recoveryErrors } from './errors.ts';
import { combineShares } from './recovery-secret.ts';
import { type BackupHeader, type ReadBytes, readHeader, unseal } from './sealed-stream.ts';
import { type OpenShare, parseOpenShare } from './share-file.ts';

export interface RestoreOutcome {
	readonly about: BackupHeader;
	/** Whose shares it took. */
	readonly parties: readonly string[];
	readonly files: readonly string[];
}

/**
 * Restores a backup into a folder that is not there yet: all of it, synced, or nothing.
 *
 * @param shares name and text of each opened share
 * @param finish called on what is restored, before it has its name
 * @throws BimetalError of `recoveryErrors`
 */
export async function restoreBackup(options: {
	readonly file: string;
	readonly shares: readonly { readonly name: string; readonly text: string }[];
	readonly to: string;
	readonly finish: (folder: string, about: BackupHeader) => Promise<void>;
}): Promise<RestoreOutcome> {
	const shares = options.shares.map(({ name, text }) => ({ name, ...parseOpenShare(name, text) }));
	const target = resolve(options.to);
	if (await lstat(target).catch(() => undefined))
		throw recoveryErrors.RestoreTargetTaken(`${options.to} is there already: name a new folder`);
	const file = await open(options.file, 'r');
	try {
		const read = readerOf(file);
		const { about, head } = await readHeader(read);
		const key = await keyFrom(shares, about);
		const draft = `${target}.${randomBytes(6).toString('hex')}.restoring`;
		try {
			await mkdir(draft, { mode: 0o700 });
			const files = await unpack(unseal({ about, head }, key, read), draft);
			await options.finish(draft, about);
			await syncFolder(draft);
			await rename(draft, target);
			await syncFolder(dirname(target));
			return { about, parties: shares.map(({ party }) => party), files };
		} catch (fault) {
			await rm(draft, { recursive: true, force: true });
			throw fault;
		} finally {
			key.fill(0);
		}
	} finally {
		await file.close();
	}
}

async function keyFrom(
	shares: readonly (OpenShare & { name: string })[],
	about: BackupHeader,
): Promise<Uint8Array> {
	const foreign = shares.find(({ backup }) => backup !== about.backup);
	if (foreign) {
		throw recoveryErrors.ShareForeign(
			`${foreign.name} is a share of another backup (${foreign.site}, ${foreign.backup.slice(0, 12)})`,
		);
	}
	const bytes = shares.map(({ share }) => Buffer.from(share, 'base64'));
	return combineShares(bytes, about.threshold, about.check);
}

function readerOf(file: Awaited<ReturnType<typeof open>>): ReadBytes {
	return async length => {
		const bytes = Buffer.alloc(length);
		let done = 0;
		while (done < length) {
			const { bytesRead } = await file.read(bytes, done, length - done);
			if (bytesRead === 0) break;
			done += bytesRead;
		}
		return bytes.subarray(0, done);
	};
}
