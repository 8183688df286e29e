import type { Command } from 'commander';
import type { PolicyCheckOptions } from '../commands/policy-check.ts';
import type { PolicyReplayOptions } from '../commands/policy-replay.ts';
import { commandName } from '../context.ts';
import { withConnection, withExamples, withJson } from './options.ts';
import type { Registration } from './registration.ts';

const SITE = 'take parties and external sources from this site file';

/** Everything that works on policy files, without a proxy. */
export function addPolicyCommands(program: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const policy = program
		.command('policy')
		.description('Check, compare and test policy files')
		.helpCommand(false);

	const check = policy
		.command('check')
		.summary('Check a table and the policies beside it')
		.description(
			'Check an authorization table and the policy files beside it, as the proxy does before it takes them; then ' +
				'look for policies that can never hold together, rules that never or always apply, operations that one ' +
				'party alone can reach, and requests without a row, with an example of each',
		)
		.argument('[folder]', "folder with operations.yaml (default: the site file's, or 'policies')")
		.option('--site <file>', SITE)
		.option('--against <folder>', 'the policies before: tell also whom the change locks out')
		.option('--notes', 'tell also what is written like that on purpose')
		.option('--strict', 'exit with 10 when there is a warning')
		.action(
			run(async (folder: string | undefined, options: PolicyCheckOptions) => {
				const commands = await import('../commands/policy-check.ts');
				return commands.checkPolicyFolder(context, folder, options);
			}),
		);
	withExamples(withJson(check), [
		`${bimetal} policy check`,
		`${bimetal} policy check policies --site site.yaml --strict`,
		`${bimetal} policy check new-policies --against policies`,
	]);

	const diff = policy
		.command('diff')
		.summary('Tell which requests come out otherwise')
		.description(
			'Compare two policy folders: which requests execute, wait or are denied otherwise than before, by whom and ' +
				'on which facts; which answers show more or less. Exits with 0 when nothing differs, with 10 otherwise',
		)
		.argument('<old>', 'folder with the policies before')
		.argument('<new>', 'folder with the policies after')
		.option('--site <file>', SITE)
		.action(
			run(async (old: string, next: string, options: { site?: string; json?: boolean }) => {
				const commands = await import('../commands/policy-diff.ts');
				return commands.diffPolicyFolders(context, old, next, options);
			}),
		);
	withExamples(withJson(diff), [
		`${bimetal} policy diff policies new-policies`,
		`${bimetal} policy diff policies new-policies --json`,
	]);

	const test = policy
		.command('test')
		.summary('Run the cases beside the policies')
		.description(
			"Run the cases of cases.yaml and of each party's *.cases.yaml; an operation that has no case, and is not exempt, " +
				'is a failure. Exits with 10 when something fails',
		)
		.argument('[folder]', "folder with operations.yaml and cases (default: the site file's, or 'policies')")
		.option('--site <file>', SITE)
		.action(
			run(async (folder: string | undefined, options: { site?: string; json?: boolean }) => {
				const commands = await import('../commands/policy-test.ts');
				return commands.testPolicyFolder(context, folder, options);
			}),
		);
	withExamples(withJson(test), [
		`${bimetal} policy test`,
		`${bimetal} policy test policies --site site.yaml`,
	]);

	const replay = policy
		.command('replay')
		.summary('Tell what would have been decided otherwise')
		.description(
			"Runs a policy folder over the decisions of an audit log, a folder's or the proxy's own, and lists those that " +
				'would have been others. What the log does not say enough about is counted, with the reason. Exits with 10 ' +
				'when a decision would have been another',
		)
		.argument('<new>', 'folder with the policies to try')
		.option('--audit <folder>', "the audit log's folder (default: ask the proxy for its log)")
		.option('--site <file>', SITE)
		.action(
			run(async (folder: string, options: PolicyReplayOptions) => {
				const commands = await import('../commands/policy-replay.ts');
				return commands.replayPolicyFolder(context, folder, options);
			}),
		);
	withExamples(withConnection(replay), [
		`${bimetal} policy replay new-policies --audit .bimetal/audit`,
		`${bimetal} policy replay new-policies --as hso --json`,
	]);
}
