import type { Command } from 'commander';
import type { LifeOptions } from '../commands/provision.ts';
import { commandName } from '../context.ts';
import type { BootOptions } from '../provisioner/boot-options.ts';
import type { ProvisionerOptions } from '../provisioner/provisioner-connection.ts';
import { collect, withExamples } from './options.ts';
import { withProvisioner } from './provisioner-options.ts';
import type { Registration } from './registration.ts';

/** Commands that talk to the provisioner about nodes: `bimetal provision`, and `bimetal node provision` as well. */
export const lifeVerbs: readonly string[] = [
	'provision',
	'deprovision',
	'reprovision',
	'rescue',
	'suspend',
	'resume',
	'provisioned',
];

/** Nodes that boot from images: provisioned, rescued, saved and made again. */
export function addLifeCommands(
	parent: Command,
	registration: Registration,
	{ isHidden = false } = {},
): void {
	const add: Adder = name => parent.command(name, { hidden: isHidden });
	addBooting(add, registration);
	addRescuing(add, registration);
	addSaving(add, registration);
	// `node move` is hil's, which knows of no disks.
	if (!isHidden) addMoving(add, registration);
}

type Adder = (name: string) => Command;
const load = () => import('../commands/provision.ts');
const node = ['<node>', 'the node'] as const;

/** What all of them take, after their own. */
const finished = (command: Command, examples: readonly string[]): Command =>
	withExamples(
		withProvisioner(command.option('--no-wait', 'do not wait until it is done: tell how to follow it')),
		examples,
	);
const follows = 'Shows each stage as it comes, and what each took; Ctrl-C ends the showing, not the work.';

function addBooting(add: Adder, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const provision = add('provision')
		.summary('Boot a node from a new clone of an image, or from a saved disk')
		.description(
			`Has a node of your project boot from a new clone of an image, or from a saved disk (--disk alone). ${follows}`,
		)
		.argument(...node)
		.argument('[image]', '[PROJECT/]NAME[@VERSION]')
		.option('--disk <disk>', "a saved disk; with an image the new disk's name (default: the node's)")
		.option('--beside <disk>', 'a saved disk that it has besides: its LUN 2, and so on (repeatable)', collect)
		.option('--project <name>', "the node's project (default: your only one, or as hil says)")
		.option(
			'--nic <nic>',
			'the NIC that it boots by (default: its first); NIC:NETWORK for each of several',
			collect,
		)
		.option('--network <name>', "the provisioning network (default: the site's first)")
		.option('--hostname <name>', "its host name (default: the node's name)")
		.option('--ssh-key <file>', 'public SSH keys that may log in to it (repeatable)', collect)
		.option('--user-data <file>', "cloud-init's user data")
		.action(
			run(async (name: string, image: string | undefined, options: LifeOptions & BootOptions) =>
				(await load()).provision(context, name, image, options),
			),
		);
	finished(provision, [
		`${bimetal} provision node4 debian`,
		`${bimetal} provision node4 debian@2 --hostname web --ssh-key ~/.ssh/id_ed25519.pub`,
		`${bimetal} provision node4 --disk web`,
		`${bimetal} provision node4 debian --nic eth0:boot --nic eth1:boot2`,
	]);

	const deprovision = add('deprovision')
		.summary('Turn a node off and take it off its disk, which is saved')
		.description(
			`Turns a node off and takes it off its disk, which is saved; the node stays yours. ${follows}`,
		)
		.argument(...node)
		.action(run(async (name: string, o: LifeOptions) => (await load()).deprovision(context, name, o)));
	finished(deprovision, [`${bimetal} deprovision node4`]);

	const reprovision = add('reprovision')
		.summary('Boot a node from another image; the disk that it had is saved')
		.description(
			'Boots a node from a new clone of an image. The disk that it had is saved, or deleted with --discard once the node is ' +
				`up; if that fails it boots from it again. ${follows}`,
		)
		.argument(...node)
		.argument('<image>', '[PROJECT/]NAME[@VERSION]')
		.option('--disk <name>', "the new disk's name")
		.option('--discard', 'delete the disk that it had')
		.action(
			run(async (name: string, image: string, o: LifeOptions & { disk?: string; discard?: boolean }) =>
				(await load()).reprovision(context, name, image, o),
			),
		);
	finished(reprovision, [`${bimetal} reprovision node4 debian --discard`]);

	const provisioned = add('provisioned')
		.description('List the nodes of your projects that boot from disks here, or show one')
		.argument('[node]', 'the node')
		.action(
			run(async (name: string | undefined, o: ProvisionerOptions) =>
				(await import('../commands/provisioned.ts')).showProvisioned(context, name, o),
			),
		);
	withExamples(withProvisioner(provisioned), [`${bimetal} provisioned`, `${bimetal} provisioned node4`]);
}

function addRescuing(add: Adder, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const rescue = add('rescue')
		.summary('Boot a node from a rescue image, with its own disk beside it')
		.description(
			'Boots a node from a clone of a rescue image, its own disk beside it as LUN 2. With --end it boots from its own disk ' +
				`again, and the clone is deleted. ${follows}`,
		)
		.argument(...node)
		.argument('[image]', 'the rescue image (default: the one called rescue)')
		.option('--end', 'go back to its own disk')
		.action(
			run(async (name: string, image: string | undefined, o: LifeOptions & { end?: boolean }) =>
				(await load()).rescue(context, name, image, o),
			),
		);
	finished(rescue, [`${bimetal} rescue node4 tools@3`, `${bimetal} rescue node4 --end`]);
}

function addMoving(add: Adder, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const move = add('move')
		.summary('Give a node that boots from a disk here to another project, with the disk')
		.description(
			'Turns a node off, takes it off all networks of its project, and gives it and its disk to another project, where it ' +
				'boots from the same disk. You are in both projects, or an administrator. To keep a copy, take a snapshot of the ' +
				`disk before. ${follows}`,
		)
		.argument(...node)
		.argument('<project>', 'the other project')
		.option('--disk <new-name>', 'what its disk is called there (default: as it is called now)')
		.option('--network <name>', 'the provisioning network there (default: the one that it is on)')
		.action(
			run(async (name: string, project: string, o: LifeOptions & { disk?: string; network?: string }) =>
				(await load()).move(context, name, project, o),
			),
		);
	finished(move, [`${bimetal} move node4 blue`]);
}

function addSaving(add: Adder, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const suspend = add('suspend')
		.summary('Save a node: off, its disk kept, the node free')
		.description(
			'Turns a node off, keeps its disk, and sets the node free. The disk knows the kind of the node, its host name and ' +
				`configuration: 'resume' has another node of that kind boot from it. ${follows}`,
		)
		.argument(...node)
		.action(run(async (name: string, o: LifeOptions) => (await load()).suspend(context, name, o)));
	finished(suspend, [`${bimetal} suspend node4`]);

	const resume = add('resume')
		.summary('Boot a free node of the same kind from a suspended disk')
		.description(
			'Takes a free node of the kind that the disk was suspended on, and boots it from the disk, as the machine that it was. ' +
				follows,
		)
		.argument('<disk>', '[PROJECT/]NAME, or its id')
		.option('--node <node>', 'this node: a free one, or one of yours that boots from nothing here')
		.option('--where <conditions>', "free nodes with such properties instead, as of 'node list'")
		.option('--network <name>', 'the provisioning network (default: the one that it was on)')
		.action(
			run(async (disk: string, o: LifeOptions & { node?: string; where?: string; network?: string }) =>
				(await load()).resume(context, disk, o),
			),
		);
	finished(resume, [`${bimetal} resume web`, `${bimetal} resume web --where 'ram >= 128'`]);
}
