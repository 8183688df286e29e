import type { Command } from 'commander';
import type { AttestOptions } from '../attest/attest-connection.ts';
import type { PassOptions } from '../commands/attest-passages.ts';
import { commandName } from '../context.ts';
import { collect, group, positiveInteger, withExamples } from './options.ts';
import type { Registration } from './registration.ts';

type Add = (command: Command) => Command;

/** Nodes' ways through the airlock into projects. */
export function addPassages(
	attest: Command,
	{ context, run }: Registration,
	{ withAttest, withExpectations }: { readonly withAttest: Add; readonly withExpectations: Add },
): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/attest-passages.ts');
	const pass = attest
		.command('pass')
		.summary('Bring a node through the airlock into a project')
		.description(
			'Has a node boot in the airlock, prove what it is and has booted, and go onto networks of the project, where it stays ' +
				'for as long as it is attested. Refused, it goes to the rejected pool, off. Exit 10 when it is refused.',
		)
		.argument('<node>', 'one that is free, or of a project of yours')
		.argument('<project>', 'whose it is to be')
		.option(
			'--network <nic:network>',
			'put a NIC on a network: NIC:NETWORK, or NIC:NETWORK:VLAN when tagged (repeatable)',
			collect,
		)
		.option('--policy <name>', "by this policy (the node's own or default, when absent)")
		.option('--no-attestation', 'off everything, off, and into the project, whatever it may have booted')
		.option('--interval <seconds>', 'between its quotes (10, when absent)', positiveInteger)
		.option('--lease <seconds>', 'that a good one counts for (three intervals, when absent)', positiveInteger)
		.option('--within <seconds>', 'for the first good one to come (900, when absent)', positiveInteger)
		.option(
			'--payload <file>',
			'what the node is to have before it goes in: keys, at most 64 KiB; takes --roots',
		)
		.option('--no-wait', 'do not wait for the end')
		.action(
			run(async (node: string, project: string, o: PassOptions) =>
				(await load()).passNode(context, [node, project], o),
			),
		);
	withExamples(withAttest(withExpectations(pass)), [
		`${bimetal} attest pass n1 red --network eth0:inner`,
		`${bimetal} attest pass n1 red --network eth0:inner --payload luks.key --roots manufacturers.pem`,
	]);

	const passages = group(attest, 'passages', 'Nodes on their way through the airlock, and those that are in');
	const list = passages
		.command('list')
		.description('List nodes that are on their way, or in')
		.option('--all', 'and passages that are over')
		.action(run(async (o: AttestOptions & { all?: boolean }) => (await load()).listPassages(context, o)));
	withExamples(withAttest(list), [`${bimetal} attest passages list --all`]);
	const show = passages
		.command('show')
		.description('Show how a passage gets on, and what each stage took')
		.argument('<passage>', 'its id')
		.action(run(async (id: string, o: AttestOptions) => (await load()).showPassage(context, id, o)));
	withExamples(withAttest(show), [`${bimetal} attest passages show ID`]);
	const follow = passages
		.command('follow')
		.summary('Wait until a node is in, or no longer')
		.description(
			'Waits until the node is in; of one that is in, until it is that no longer. Exit 10 when it was refused, or cut off.',
		)
		.argument('<passage>', 'its id')
		.action(run(async (id: string, o: AttestOptions) => (await load()).followPassage(context, id, o)));
	withExamples(withAttest(follow), [`${bimetal} attest passages follow ID --json`]);
	const cancel = passages
		.command('cancel')
		.description('Have a node that is not in yet go back to where it was')
		.argument('<passage>', 'its id')
		.action(run(async (id: string, o: AttestOptions) => (await load()).cancelPassage(context, id, o)));
	withExamples(withAttest(cancel), [`${bimetal} attest passages cancel ID`]);
}
