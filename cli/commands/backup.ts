import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import path from 'node:path';
import { writeFileDurably } from '../../common/store/durable-file.ts';
import { recorded } from '../../proxy/enrol/console.ts';
import { keepForAudit } from '../../proxy/enrol/console-records.ts';
import { durableDisk } from '../../proxy/enrol/enrolment-file.ts';
import { createBackup } from '../../proxy/recovery/backup.ts';
import { restoreBackup } from '../../proxy/recovery/restore.ts';
import { newRecoveryKey, renderOpenShare, unsealShare } from '../../proxy/recovery/share-file.ts';
import { readSite } from '../../proxy/site.ts';
import { readNamedFile } from '../connection.ts';
import { type CliContext, commandName } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { usageError } from '../failure.ts';
import { printJson, printLine } from '../output.ts';
import { visible } from '../visible.ts';

export interface BackupOptions {
	readonly out: string;
	readonly site: string;
	readonly threshold?: number;
	readonly withoutAudit?: boolean;
	readonly json?: boolean;
}

/** `bimetal backup create` */
export async function create(context: CliContext, options: BackupOptions): Promise<number> {
	const siteFile = path.resolve(context.cwd, options.site);
	const site = readSite(siteFile);
	const file = newFile(context, options.out);
	const at = { disk: durableDisk, folder: site.folder, clock: context.clock, by: userInfo().username };
	const done = await recorded(at, { action: 'backup', bmc: null }, async () => {
		const result = await createBackup({
			siteFile,
			site,
			file,
			threshold: options.threshold,
			audit: !options.withoutAudit,
			clock: context.clock,
		});
		const { backup, threshold, shares } = result;
		const detail = [backup, `shares of ${threshold} of ${Object.keys(shares).join(', ')} open it`];
		return { result, detail };
	});
	if (options.json) printJson(context, { file, ...done });
	else {
		const { length } = Object.keys(done.shares);
		printLine(context, `${visible(file)} opens with the shares of ${done.threshold} of ${length} parties:`);
		for (const [party, share] of Object.entries(done.shares))
			printLine(context, `  ${visible(party)}: ${visible(share)}`);
		printLine(context, 'Give each party its share, and keep the archive elsewhere than the proxy.');
	}
	return exitCodes.ok.code;
}

export interface OpenShareOptions {
	readonly key: string;
	readonly out: string;
	readonly json?: boolean;
}

/** `bimetal backup open-share SHARE` */
export async function openShare(
	context: CliContext,
	share: string,
	options: OpenShareOptions,
): Promise<number> {
	const sealed = await readNamedFile(context, share, 'share');
	const key = await readNamedFile(context, options.key, 'key');
	const out = newFile(context, options.out);
	const opened = unsealShare(sealed, key);
	await writeFileDurably(out, renderOpenShare(opened), 0o600);
	const { share: _secret, ...about } = opened;
	if (options.json) printJson(context, { ...about, file: out });
	else {
		const { party, site, backup, threshold, parties } = about;
		printLine(
			context,
			`${visible(out)}: the share of ${visible(party)} in backup ${backup.slice(0, 12)} of ${visible(site)}.`,
		);
		printLine(
			context,
			`${threshold} of ${parties} shares restore it. Hand it over only for that, and then delete it.`,
		);
	}
	return exitCodes.ok.code;
}

export interface RestoreOptions {
	readonly share: readonly string[];
	readonly to: string;
	readonly json?: boolean;
}

/** `bimetal backup restore FILE` */
export async function restore(context: CliContext, file: string, options: RestoreOptions): Promise<number> {
	const archive = path.resolve(context.cwd, file);
	if (!existsSync(archive)) throw usageError(`there is no file ${file}`, 'name the archive');
	const shares = await Promise.all(
		options.share.map(async name => ({ name, text: await readNamedFile(context, name, 'share') })),
	);
	const to = path.resolve(context.cwd, options.to);
	if (!existsSync(path.dirname(to)))
		throw usageError(`there is no folder ${path.dirname(to)}`, 'make it, or name another one');
	const by = userInfo().username;
	const { about, parties, files } = await restoreBackup({
		file: archive,
		shares,
		to,
		finish: (folder, { backup, created }) =>
			keepForAudit(durableDisk, folder, {
				kind: 'console',
				action: 'restore',
				outcome: 'done',
				bmc: null,
				by,
				at: new Date(context.clock.now()).toISOString(),
				detail: [backup, `as of ${created}`, `with shares of ${shares.length} parties`],
			}),
	});
	if (options.json)
		printJson(context, {
			backup: about.backup,
			site: about.site,
			created: about.created,
			parties,
			to,
			files,
		});
	else {
		printLine(context, `${visible(about.site)} as of ${about.created} is restored in ${visible(to)}.`);
		const config = files.find(
			name => !name.includes('/') && /\.ya?ml$/.test(name) && name.startsWith('site'),
		);
		printLine(
			context,
			`Make sure that the old proxy is gone for good, then: ${commandName(context)} proxy -c ${visible(path.join(to, config ?? 'site.yaml'))}`,
		);
	}
	return exitCodes.ok.code;
}

export interface RecoveryKeyOptions {
	readonly out: string;
	readonly json?: boolean;
}

/** `bimetal party recovery-key` */
export async function recoveryKey(context: CliContext, options: RecoveryKeyOptions): Promise<number> {
	const file = newFile(context, options.out);
	const publicFile = newFile(context, `${options.out}.pub`);
	const { privateKey, publicKey } = newRecoveryKey();
	await writeFileDurably(file, privateKey, 0o600);
	await writeFileDurably(publicFile, publicKey, 0o644);
	if (options.json) printJson(context, { privateKey: file, publicKey: publicFile });
	else {
		printLine(context, `${visible(file)} opens your party's shares: keep it, and nobody else may have it.`);
		printLine(
			context,
			`${visible(publicFile)} goes to the site, as 'recovery' of the party in its site file.`,
		);
	}
	return exitCodes.ok.code;
}

/** Nothing that is there already is overwritten: an old backup or key may be the only one. */
function newFile(context: CliContext, name: string): string {
	const file = path.resolve(context.cwd, name);
	if (existsSync(file)) throw usageError(`${name} is there already`, 'name a file that is not there yet');
	if (!existsSync(path.dirname(file)))
		throw usageError(`there is no folder ${path.dirname(file)}`, 'make it, or name another one');
	return file;
}
