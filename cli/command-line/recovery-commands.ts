import type { Command } from 'commander';
import type {
	BackupOptions,
	OpenShareOptions,
	RecoveryKeyOptions,
	RestoreOptions,
} from '../commands/backup.ts';
import { commandName } from '../context.ts';
import { collect, positiveInteger, withExamples, withJson } from './options.ts';
import type { Registration } from './registration.ts';

/** Backups of a site's proxy, and the parties' shares that open them. Nothing of it needs a running proxy. */
export function addRecoveryCommands(program: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/backup.ts');
	const backup = program
		.command('backup')
		.description('Back a site up, and restore it with the shares of its parties')
		.helpCommand(false);

	const create = backup
		.command('create')
		.summary('Back up all that a site’s proxy needs, encrypted')
		.description(
			'Writes one encrypted archive of the site (its files, BMC credentials and pins, keys, policies, waiting requests, ' +
				'audit log) and, beside it, a share of its key for each party, encrypted to that party. Nobody alone can open it. ' +
				'The proxy may go on running.',
		)
		.requiredOption('--out <file>', 'the archive; the shares are FILE.PARTY.share')
		.requiredOption('--site <file>', 'site file')
		.option(
			'--threshold <n>',
			"how many parties' shares open it, two at least (default: all, or the site file's)",
			positiveInteger,
		)
		.option('--without-audit', 'leave the audit log out')
		.action(run(async (options: BackupOptions) => (await load()).create(context, options)));
	withExamples(withJson(create), [
		`${bimetal} backup create --out site.backup --site site.yaml`,
		`${bimetal} backup create --out site.backup --site site.yaml --threshold 2`,
	]);

	const openShare = backup
		.command('open-share')
		.summary("Decrypt your party's share of a backup")
		.description("Decrypts your party's share with its recovery key, on your own machine, for a restoration.")
		.argument('<share>', 'the encrypted share')
		.requiredOption('--key <file>', "the party's private recovery key (PEM)")
		.requiredOption('--out <file>', 'where the opened share goes')
		.action(
			run(async (share: string, options: OpenShareOptions) =>
				(await load()).openShare(context, share, options),
			),
		);
	withExamples(withJson(openShare), [
		`${bimetal} backup open-share site.backup.HSO.share --key hso.recovery --out hso.share`,
	]);

	const restore = backup
		.command('restore')
		.summary('Restore a site from a backup and the shares of its parties')
		.description(
			'Restores the whole site into a new folder, or nothing. Needs the opened shares of as many parties as the backup says.',
		)
		.argument('<file>', 'the archive')
		.requiredOption('--share <file>', "a party's opened share (repeatable)", collect)
		.requiredOption('--to <folder>', 'a folder that is not there yet')
		.action(
			run(async (file: string, options: RestoreOptions) => (await load()).restore(context, file, options)),
		);
	withExamples(withJson(restore), [
		`${bimetal} backup restore site.backup --share hso.share --share cp.share --to restored`,
	]);

	const party =
		program.commands.find(command => command.name() === 'party') ??
		program.command('party').description('What a party keeps for itself').helpCommand(false);
	const recoveryKey = party
		.command('recovery-key')
		.summary("Make the key pair to which a party's shares of backups are encrypted")
		.description(
			'Makes a key pair: FILE is the private key, which stays with the party; FILE.pub goes into the site file, as ' +
				'recovery of the party.',
		)
		.requiredOption('--out <file>', 'the private key; not overwritten')
		.action(run(async (options: RecoveryKeyOptions) => (await load()).recoveryKey(context, options)));
	withExamples(withJson(recoveryKey), [`${bimetal} party recovery-key --out hso.recovery`]);
}
