import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import type { Clock } from '../../common/clock.ts';
import { syncFolder, writeFileDurably } from '../../common/store/durable-file.ts';
import type { Site } from '../site.ts';
import { type Entry, pack } from './entries.ts';
import { recoveryErrors } from './errors.ts';
import { checkOf, keyLength, splitKey } from './recovery-secret.ts';
import { newBackupHeader, seal } from './sealed-stream.ts';
import { readRecipient, sealShare } from './share-file.ts';
import { auditFiles, filesAt, planSite } from './site-files.ts';
import { takeSnapshot } from './snapshot-socket.ts';

export interface BackupOutcome {
	readonly backup: string;
	readonly threshold: number;
	/** The encrypted share of each party, by party. */
	readonly shares: Readonly<Record<string, string>>;
}

/**
 * Writes one encrypted archive of all that a site's proxy needs, and beside it each party's share of its key,
 * encrypted to that party (`<file>.<PARTY>.share`). The key itself is never on disk. The proxy may run.
 *
 * @param options.threshold how many parties' shares open it; all of them when absent
 * @param options.audit false: without the audit log, which the parties have copies of
 * @throws BimetalError ThresholdRefused, RecoveryKeyMissing, SnapshotRefused; what the store and the disk throw
 */
export async function createBackup(options: {
	readonly siteFile: string;
	readonly site: Site;
	readonly file: string;
	readonly threshold: number | undefined;
	readonly audit: boolean;
	readonly clock: Clock;
}): Promise<BackupOutcome> {
	const { siteFile, site, file, clock } = options;
	const parties = Object.keys(site.parties).sort();
	const threshold = options.threshold ?? site.recovery?.threshold ?? parties.length;
	const recipients = await Promise.all(
		parties.map(async party => ({ party, key: await keyOf(site, party) })),
	);
	const key = randomBytes(keyLength);
	try {
		const shares = await splitKey(key, parties.length, threshold);
		const backup = randomBytes(16).toString('hex');
		const about = newBackupHeader({
			backup,
			site: site.site,
			created: new Date(clock.now()).toISOString(),
			threshold,
			parties,
			check: checkOf(key),
		});
		const plan = await planSite(siteFile, site);
		const draft = `${file}.${backup.slice(0, 12)}.tmp`;
		try {
			await takeSnapshot(site, async snapshot => {
				async function* entries(): AsyncGenerator<Entry> {
					// First, so that a slow disk does not keep the snapshot waiting.
					yield { path: plan.store.to, mode: 0o600, ...snapshot };
					const text = Buffer.from(plan.text);
					yield { path: plan.siteFile, mode: 0o600, size: text.length, bytes: () => Readable.from([text]) };
					for (const place of plan.places) yield* filesAt(place);
					if (options.audit) yield* auditFiles(plan.audit);
				}
				await writeSynced(draft, seal(about, key, pack(entries())));
			});
			const names: Record<string, string> = {};
			for (const [at, { party, key: recipient }] of recipients.entries()) {
				const share = shares[at];
				if (!share) throw new Error('fewer shares than parties');
				const meta = { backup, site: site.site, party, threshold, parties: parties.length };
				const name = `${file}.${party}.share`;
				await writeFileDurably(name, sealShare(share, recipient, meta));
				names[party] = name;
			}
			// Last: a backup is there only when everything that opens it is.
			await rename(draft, file);
			await syncFolder(dirname(file));
			return { backup, threshold, shares: names };
		} catch (fault) {
			await rm(draft, { force: true });
			throw fault;
		}
	} finally {
		key.fill(0);
	}
}

async function keyOf(site: Site, party: string): Promise<ReturnType<typeof readRecipient>> {
	const { recovery, root } = site.parties[party] ?? {};
	const path = recovery ?? root;
	if (path === undefined)
		throw recoveryErrors.RecoveryKeyMissing(
			`${party} has neither a recovery key nor a root certificate in the site file`,
		);
	return readRecipient(party, await readFile(path, 'utf8'));
}

async function writeSynced(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
	const file = await open(path, 'wx', 0o600);
	try {
		await file.writeFile(bytes);
		await file.sync();
	} finally {
		await file.close();
	}
}
