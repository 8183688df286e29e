import { type Command, Option } from 'commander';
import type { BreakGlassOptions } from '../commands/break-glass.ts';
import type { ApproveChangeOptions } from '../commands/governance-changes.ts';
import type { PushOptions, RollbackOptions } from '../commands/governance-push.ts';
import type { BundleOptions, KeygenOptions, SignOptions } from '../commands/governance-sign.ts';
import type { ConnectionOptions } from '../connection.ts';
import { commandName } from '../context.ts';
import { withConnection, withExamples, withJson } from './options.ts';
import type { Registration } from './registration.ts';

type Options = ConnectionOptions & { json?: boolean };

const changeStates = ['waiting', 'taken', 'denied', 'withdrawn', 'expired'];
const signingKey = '--signing-key <file>';

/** Signed policies: keys, the agreement, versions and changes, and break-glass. */
export function addGovernanceCommands(program: Command, registration: Registration): void {
	addAgreementCommands(program, registration);
	const policy = program.commands.find(command => command.name() === 'policy');
	if (policy) {
		addSigningCommands(policy, registration);
		addVersionCommands(policy, registration);
		addChangeCommands(policy, registration);
	}
	addBreakGlassCommands(program, registration);
}

function addAgreementCommands(program: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/governance-sign.ts');
	program.commandsGroup('Governance:');

	const party = program.command('party').description('Keys of a party').helpCommand(false);
	const keygen = party
		.command('keygen')
		.description("Make a party's signing key (Ed25519); the public one goes into agreement.yaml")
		.requiredOption('--party <name>', 'for instance HSO')
		.requiredOption('--out <file>', 'where the private key is written; never on the proxy’s host')
		.action(run(async (options: KeygenOptions) => (await load()).generateKey(context, options)));
	withExamples(withJson(keygen), [`${bimetal} party keygen --party HSO --out hso.key`]);

	const agreement = program
		.command('agreement')
		.description('The founding agreement of the parties')
		.helpCommand(false);
	const sign = agreement
		.command('sign')
		.summary('Sign agreement and table for a party')
		.description(
			'Signs agreement.yaml and the authorization table for one party. All parties sign the founding; later the quorum of ' +
				'the agreement in force does.',
		)
		.argument('[folder]', "policy folder (default: 'policies')")
		.requiredOption('--party <name>', 'who signs')
		.requiredOption('--key <file>', "the party's signing key")
		.option('--former', 'with the key that the party has until now, when the agreement brings another one')
		.action(
			run(async (folder: string | undefined, options: SignOptions) =>
				(await load()).signFolder(context, folder, { ...options, common: true }),
			),
		);
	withExamples(withJson(sign), [
		`${bimetal} agreement sign policies --party HSO --key hso.key`,
		`${bimetal} agreement sign policies --party CP --key cp.key`,
	]);
	const verify = agreement
		.command('verify')
		.description('Say what of a policy folder is signed, and by whom')
		.argument('[folder]', "policy folder (default: 'policies')")
		.action(
			run(async (folder: string | undefined, options: { json?: boolean }) =>
				(await load()).verifyFolder(context, folder, options),
			),
		);
	withExamples(withJson(verify), [`${bimetal} agreement verify policies`]);
	const show = agreement
		.command('show')
		.description('Show the agreement in force, or that of a folder')
		.argument('[folder]', 'policy folder (default: ask the proxy)')
		.action(
			run(async (folder: string | undefined, options: Options) =>
				(await import('../commands/governance-changes.ts')).showAgreement(context, folder, options),
			),
		);
	withExamples(withConnection(show), [`${bimetal} agreement show`, `${bimetal} agreement show policies`]);
}

function addSigningCommands(policy: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/governance-sign.ts');
	const sign = policy
		.command('sign')
		.summary("Sign a party's own policies")
		.description("Signs a party's own files: writes manifest.json and its signature beside them")
		.argument('[folder]', "policy folder (default: 'policies')")
		.requiredOption('--party <name>', 'who signs')
		.requiredOption('--key <file>', "the party's signing key")
		.action(
			run(async (folder: string | undefined, options: SignOptions) =>
				(await load()).signFolder(context, folder, { ...options, common: false }),
			),
		);
	withExamples(withJson(sign), [`${bimetal} policy sign policies --party HSO --key hso.key`]);

	const bundle = policy
		.command('bundle')
		.summary('Put signed policies into one file')
		.description(
			"Puts a party's signed policies, or the table and the agreement, into one file to send or push",
		)
		.argument('[folder]', "policy folder (default: 'policies')")
		.addOption(new Option('--party <name>', 'whose policies').conflicts('common'))
		.option('--common', 'the table and the agreement')
		.requiredOption('--out <file>', 'where it is written')
		.action(
			run(async (folder: string | undefined, options: BundleOptions) =>
				(await load()).writeBundle(context, folder, options),
			),
		);
	withExamples(withJson(bundle), [
		`${bimetal} policy bundle policies --party HSO --out hso.bundle.json`,
		`${bimetal} policy bundle policies --common --out table.bundle.json`,
	]);
}

function addVersionCommands(policy: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/governance-push.ts');
	const push = policy
		.command('push')
		.summary('Bring signed policies into force')
		.description(
			"Sends your party's policies to the proxy: they are in force at once. With --common the table and the agreement: they " +
				'wait for the parties that the agreement in force names. With --signing-key they are signed first.',
		)
		.argument('[folder-or-bundle]', "policy folder, or a bundle (default: 'policies')")
		.option('--common', 'the table and the agreement')
		.option(
			signingKey,
			"your party's signing key: sign the folder first, as what follows the version in force",
		)
		.option('--rebase', 'even when the files were made from an older version than the one in force')
		.option('--accept-lockout', 'even when another party can then do less')
		.option('--comment <text>', 'kept with the change')
		.action(
			run(async (given: string | undefined, options: PushOptions) =>
				(await load()).push(context, given, options),
			),
		);
	withExamples(withConnection(push), [
		`${bimetal} policy push policies --signing-key hso.key --as hso`,
		`${bimetal} policy push table.bundle.json --as hso`,
	]);

	const versions = policy
		.command('versions')
		.description('List every version of the policies that came into force')
		.action(run(async (options: Options) => (await load()).listVersions(context, options)));
	withExamples(withConnection(versions), [`${bimetal} policy versions --as hso`]);

	const show = policy
		.command('show')
		.description('Show a version of the policies, or write its files to a folder')
		.argument('<version>', "a version, or what it begins with; or 'in-force'")
		.option('--out <folder>', 'write its files there')
		.action(
			run(async (version: string, options: Options & { out?: string }) =>
				(await load()).showVersion(context, version, options),
			),
		);
	withExamples(withConnection(show), [
		`${bimetal} policy show in-force --as hso`,
		`${bimetal} policy show 1f0c9a --out old-policies --as hso`,
	]);

	const rollback = policy
		.command('rollback')
		.summary('Go back to the files of an older version')
		.description('Signs the files of an older version as a new one, which needs what any other change needs')
		.argument('<version>', 'a version, or what it begins with')
		.option('--common', 'the table and the agreement')
		.requiredOption(signingKey, "your party's signing key")
		.option('--accept-lockout', 'even when another party can then do less')
		.action(
			run(async (version: string, options: RollbackOptions) =>
				(await load()).rollBack(context, version, options),
			),
		);
	withExamples(withConnection(rollback), [
		`${bimetal} policy rollback 1f0c9a --signing-key hso.key --as hso`,
	]);
}

function addChangeCommands(policy: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/governance-changes.ts');
	const list = policy
		.command('changes')
		.description('List changes of the table and the agreement')
		.addOption(new Option('--state <state>', 'only those in this state').choices(changeStates))
		.action(
			run(async (options: Options & { state?: string }) => (await load()).listChanges(context, options)),
		);
	withExamples(withConnection(list), [`${bimetal} policy changes --state waiting --as cp`]);

	const show = policy
		.command('change')
		.description('Show exactly what a change would bring into force')
		.argument('<id>', 'change')
		.action(run(async (id: string, options: Options) => (await load()).showChange(context, id, options)));
	withExamples(withConnection(show), [`${bimetal} policy change g0n3k5x2q9f7a --as cp`]);

	const approve = policy
		.command('approve')
		.summary('Approve a change for your party')
		.description(
			'Shows the change and, on a terminal, asks; then approves and signs exactly what was shown. The last approval that ' +
				'it needs brings it into force.',
		)
		.argument('<id>', 'change')
		.option(signingKey, "your party's signing key")
		.option('--comment <text>', 'kept with the approval')
		.option('-y, --yes', 'do not ask')
		.action(
			run(async (id: string, options: ApproveChangeOptions) =>
				(await load()).approveChange(context, id, options),
			),
		);
	withExamples(withConnection(approve), [
		`${bimetal} policy approve g0n3k5x2q9f7a --signing-key cp.key --as cp`,
	]);

	const deny = policy
		.command('deny')
		.description('Deny a change for your party')
		.argument('<id>', 'change')
		.requiredOption('--reason <text>', 'told to whoever proposed it')
		.action(
			run(async (id: string, options: Options & { reason?: string }) =>
				(await load()).endChange(context, id, 'deny', options),
			),
		);
	withExamples(withConnection(deny), [
		`${bimetal} policy deny g0n3k5x2q9f7a --reason 'one row is wrong' --as cp`,
	]);

	const withdraw = policy
		.command('withdraw')
		.description('Withdraw a change that you proposed')
		.argument('<id>', 'change')
		.option('--reason <text>', 'kept with it')
		.action(
			run(async (id: string, options: Options & { reason?: string }) =>
				(await load()).endChange(context, id, 'withdraw', options),
			),
		);
	withExamples(withConnection(withdraw), [`${bimetal} policy withdraw g0n3k5x2q9f7a --as hso`]);
}

function addBreakGlassCommands(program: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/break-glass.ts');
	const breakGlass = program
		.command('break-glass')
		.summary('In an emergency: let your party alone authorize')
		.description(
			'Opens a window in which your party alone authorizes what the agreement lists for it, if the agreement allows that. ' +
				'All parties are told, and every request in it is marked in the audit log. Without --reason: lists the windows.',
		)
		.helpCommand(false)
		.option('--reason <text>', 'why; everybody reads it')
		.option('--for <time>', 'how long, at most what the agreement allows', '15m')
		.option(signingKey, "your party's signing key, where the agreement asks for it")
		.action(run(async (options: BreakGlassOptions) => (await load()).breakGlass(context, options)));
	withExamples(withConnection(breakGlass), [
		`${bimetal} break-glass --reason 'fire in rack 1' --for 15m --signing-key hso.key --as hso`,
		`${bimetal} break-glass --as cp`,
	]);
	const end = breakGlass
		.command('end')
		.description('End a window before its time')
		.argument('[id]', 'window (default: the only one that is open)')
		.option('--reason <text>', 'kept with it')
		.action(
			run(async (id: string | undefined, _options: unknown, command: Command) =>
				// Options that both commands have are the parent's: the words before `end` may give them as well.
				(await load()).endBreakGlass(context, id, command.optsWithGlobals()),
			),
		);
	withExamples(withConnection(end), [`${bimetal} break-glass end --as cp`]);
}
