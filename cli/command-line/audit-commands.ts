import type { Command } from 'commander';
import type {
	CheckProofOptions,
	FollowOptions,
	ProveOptions,
	VerifyOptions,
} from '../commands/audit-options.ts';
import { commandName } from '../context.ts';
import { positiveInteger, withConnection, withExamples, withJson } from './options.ts';
import type { Registration } from './registration.ts';

/** `bimetal audit …`: what a party does to hold a proxy's log to its word. */
export function addAuditCommands(program: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/audit.ts');
	const loadFollow = () => import('../commands/audit-follow.ts');
	const loadProofs = () => import('../commands/audit-proofs.ts');
	const audit = program
		.command('audit')
		.description("Read, follow and verify a proxy's audit log")
		.helpCommand(false);

	const verify = audit
		.command('verify')
		.summary('Verify that no record of an audit log was changed, removed or added')
		.description(
			'Verify that no record of an audit log, or of a copy of one, was changed, removed or added, and that its ' +
				'checkpoints are signed for exactly these records. Says in which file and line something is wrong.',
		)
		.argument('<folder>', "the audit log's folder, or a copy's")
		.option('--key <file>', 'the public key that must have signed (default: the one in the folder)')
		.option('--expect <head>', 'also that it goes on from this head, which an earlier verification printed')
		.action(
			run(async (folder: string, options: VerifyOptions) => (await load()).verify(context, folder, options)),
		);
	withExamples(withJson(verify), [
		`${bimetal} audit verify .bimetal/audit`,
		`${bimetal} audit verify our-copy --key log.pub`,
	]);

	const show = audit
		.command('show')
		.description('Show the records of an audit log, oldest first')
		.argument('<folder>', "the audit log's folder, or a copy's")
		.option('--last <n>', 'only the last ones', positiveInteger)
		.option('--request <id>', 'only those of this request')
		.action(
			run(async (folder: string, options: { last?: number; request?: string; json?: boolean }) =>
				(await load()).show(context, folder, options),
			),
		);
	withExamples(withJson(show), [`${bimetal} audit show .bimetal/audit --last 20`]);

	const follow = audit
		.command('follow')
		.summary("Keep your party's own copy of a proxy's audit log")
		.description(
			"Copies what a proxy's audit log has signed, checks every record and checkpoint against what was copied before, " +
				'and goes on until Ctrl-C. When the proxy shows another history than before, it says where they part and ' +
				'keeps the proof.',
		)
		.requiredOption('--copy <folder>', 'where the copy is; it is begun there when there is none')
		.option('--log-key <file>', "the log's public key (default: the copy's; of a new copy the proxy's)")
		.option('--once', 'end when the copy has everything')
		.action(run(async (options: FollowOptions) => (await loadFollow()).follow(context, options)));
	withExamples(withConnection(follow), [
		`${bimetal} audit follow --copy our-copy --as cp`,
		`${bimetal} audit follow --copy our-copy --once --as cp`,
	]);

	const compare = audit
		.command('compare')
		.summary('Find out whether two parties were shown the same audit log')
		.description(
			'Holds two copies of an audit log, or a copy and a file with a checkpoint, against each other, and says where ' +
				'they part.',
		)
		.argument('<one>', 'folder of a copy, or file with a checkpoint')
		.argument('<other>', 'the same of another party')
		.option('--key <file>', "the log's public key (default: the copies')")
		.action(
			run(async (one: string, other: string, options: { key?: string; json?: boolean }) =>
				(await loadProofs()).compare(context, one, other, options),
			),
		);
	withExamples(withJson(compare), [`${bimetal} audit compare our-copy their-copy`]);

	const prove = audit
		.command('prove')
		.summary('Print a proof that a record is in the audit log')
		.description(
			'Prints a proof that a record is in the log which the key signed; a third party checks it without a connection.',
		)
		.argument('<number>', 'of the record', positiveInteger)
		.option('--copy <folder>', 'from this copy, instead of asking the proxy')
		.action(
			run(async (seq: number, options: ProveOptions) => (await loadProofs()).prove(context, seq, options)),
		);
	withExamples(withConnection(prove), [`${bimetal} audit prove 1204 --as cp > proof.json`]);

	const check = audit
		.command('check-proof')
		.summary('Check a proof that a record is in an audit log')
		.description(
			"Checks what 'audit prove' printed, or the evidence that 'audit follow' kept: offline, with the log's public key.",
		)
		.argument('<file>', 'the proof')
		.option('--key <file>', "the log's public key; without it the proof's own is believed, and shown")
		.action(
			run(async (file: string, options: CheckProofOptions) =>
				(await loadProofs()).checkProof(context, file, options),
			),
		);
	withExamples(withJson(check), [`${bimetal} audit check-proof proof.json --key log.pub`]);
}
