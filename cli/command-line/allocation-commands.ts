import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CreateNetworkOptions } from '../commands/hil-networks.ts';
import { commandName } from '../context.ts';
import type { HilOptions } from '../hil/hil-connection.ts';
import { collect, group, positiveInteger, withExamples, withHilConnection } from './options.ts';
import type { Registration } from './registration.ts';

/** Networks, projects and switches, as hil knows them. */
export function addAllocationCommands(program: Command, registration: Registration): void {
	addNetworks(group(program, 'network', 'Networks of the projects, and of all'), registration);
	addProjects(group(program, 'project', 'Projects: what they have and may have'), registration);
	addSwitches(group(program, 'switch', 'Switches: how they are, and what their ports carry'), registration);
}

function addNetworks(network: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/hil-networks.ts');
	const list = network
		.command('list')
		.description('List the networks that you may use')
		.option('--project <name>', 'only those of this project, and public ones')
		.action(
			run(async (options: HilOptions & { project?: string }) =>
				(await load()).listNetworks(context, options),
			),
		);
	withExamples(withHilConnection(list), [`${bimetal} network list`]);

	const map = network
		.command('map')
		.description('Show which NIC is on which networks, and in which port, for those who are told')
		.option('--project <name>', 'only the nodes of this project')
		.action(
			run(async (options: HilOptions & { project?: string }) =>
				(await import('../commands/hil-map.ts')).showMap(context, options),
			),
		);
	withExamples(withHilConnection(map), [`${bimetal} network map --project red`]);

	const show = network
		.command('show')
		.description('Show a network: VLAN, owner, who may use it, what is attached')
		.argument('<network>', 'the network')
		.action(
			run(async (name: string, options: HilOptions) => (await load()).showNetwork(context, name, options)),
		);
	withExamples(withHilConnection(show), [`${bimetal} network show inner`]);

	const create = network
		.command('create')
		.summary('Make a network')
		.description(
			"Makes a network of a project's own; with --public or --for, as an administrator, one of the administrators'.",
		)
		.argument('<network>', 'the new name')
		.option('--project <name>', 'whose it is (default: your only project)')
		.addOption(new Option('--public', 'for everybody').conflicts(['project', 'for']))
		.addOption(
			new Option('--for <project>', 'for this project (repeatable)').argParser(collect).conflicts('project'),
		)
		.option('--vlan <n>', 'its VLAN (default: one of the pool)', positiveInteger)
		.action(
			run(async (name: string, options: CreateNetworkOptions) =>
				(await load()).createNetwork(context, name, options),
			),
		);
	withExamples(withHilConnection(create), [
		`${bimetal} network create inner --project red`,
		`${bimetal} network create storage --for red --for blue --vlan 300 --as admin`,
	]);

	const remove = network
		.command('delete')
		.description('Delete a network that nothing is attached to')
		.argument('<network>', 'the network')
		.action(
			run(async (name: string, options: HilOptions) => (await load()).deleteNetwork(context, name, options)),
		);
	withExamples(withHilConnection(remove), [`${bimetal} network delete inner`]);

	for (const [name, isGranted, description] of [
		['grant', true, 'Let a project use a network'],
		['revoke', false, 'Let a project use a network no more'],
	] as const) {
		const command = network
			.command(name)
			.description(description)
			.argument('<network>', 'the network')
			.argument('<project>', 'the project')
			.action(
				run(async (of: string, project: string, options: HilOptions) =>
					(await load()).setAccess(context, [of, project], isGranted, options),
				),
			);
		withExamples(withHilConnection(command), [`${bimetal} network ${name} inner blue`]);
	}
}

function addProjects(project: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/hil-projects.ts');
	const list = project
		.command('list')
		.description('List your projects; all, for administrators')
		.action(run(async (options: HilOptions) => (await load()).listProjects(context, options)));
	withExamples(withHilConnection(list), [`${bimetal} project list`]);
	const show = project
		.command('show')
		.description('Show a project: nodes, networks, leases; users, to administrators')
		.argument('<project>', 'the project')
		.action(
			run(async (name: string, options: HilOptions) => (await load()).showProject(context, name, options)),
		);
	withExamples(withHilConnection(show), [`${bimetal} project show red`]);

	const create = project
		.command('create')
		.description('Make a project')
		.argument('<project>', 'the new name')
		.action(
			run(async (name: string, options: HilOptions) =>
				(await load()).tellHil(
					context,
					options,
					c => c.administration.createProject(name),
					{ project: name },
					`${name} is there. Next: users, nodes and networks.`,
				),
			),
		);
	withExamples(withHilConnection(create), [`${bimetal} project create green --as admin`]);
	const remove = project
		.command('delete')
		.description('Delete a project that has nothing left')
		.argument('<project>', 'the project')
		.action(
			run(async (name: string, options: HilOptions) =>
				(await load()).tellHil(
					context,
					options,
					c => c.administration.deleteProject(name),
					{ deleted: name },
					`${name} is deleted.`,
				),
			),
		);
	withExamples(withHilConnection(remove), [`${bimetal} project delete green --as admin`]);

	const quota = project
		.command('quota')
		.description('Bound what a project may take from now on')
		.argument('<project>', 'the project')
		.requiredOption('--nodes <n>', 'how many nodes; any: no bound', bound)
		.requiredOption('--networks <n>', 'how many networks of its own; any: no bound', bound)
		.action(
			run(async (name: string, options: HilOptions & { nodes: number | 'any'; networks: number | 'any' }) => {
				const most = (given: number | 'any') => (given === 'any' ? null : given);
				const wanted = { nodes: most(options.nodes), networks: most(options.networks) };
				const text = `${name} may have ${options.nodes} nodes and ${options.networks} networks of its own.`;
				return (await load()).tellHil(
					context,
					options,
					c => c.administration.setQuota(name, wanted),
					{ project: name, quota: wanted },
					text,
				);
			}),
		);
	withExamples(withHilConnection(quota), [
		`${bimetal} project quota red --nodes 8 --networks any --as admin`,
	]);

	for (const [name, isMember, description] of [
		['add-user', true, 'Make a user a member of a project'],
		['remove-user', false, 'End a membership'],
	] as const) {
		const command = project
			.command(name)
			.description(description)
			.argument('<project>', 'the project')
			.argument('<user>', 'the user')
			.action(
				run(async (of: string, user: string, options: HilOptions) =>
					(await load()).tellHil(
						context,
						options,
						c => (isMember ? c.administration.join(user, of) : c.administration.leave(user, of)),
						{ project: of, user, member: isMember },
						`${user} is ${isMember ? '' : 'not '}in ${of}${isMember ? '' : ' any more'}.`,
					),
				),
			);
		withExamples(withHilConnection(command), [`${bimetal} project ${name} red alice --as admin`]);
	}
}

function addSwitches(device: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/hil-switches.ts');
	const list = device
		.command('list')
		.description('List the switches: whether they answer, what waits, what has drifted')
		.action(run(async (options: HilOptions) => (await load()).listSwitches(context, options)));
	withExamples(withHilConnection(list), [`${bimetal} switch list --as admin`]);
	const show = device
		.command('show')
		.description('Show a switch, its ports, and what is in them')
		.argument('<switch>', 'the switch')
		.action(
			run(async (name: string, options: HilOptions) => (await load()).showSwitch(context, name, options)),
		);
	withExamples(withHilConnection(show), [`${bimetal} switch show tor --as admin`]);
	for (const [name, isRepair, description] of [
		['drift', false, 'Ask a switch for every port, and show what differs from what is recorded (exit 10)'],
		['repair', true, 'The same, and put right what differs'],
	] as const) {
		const command = device
			.command(name)
			.description(description)
			.argument('<switch>', 'the switch')
			.action(
				run(async (of: string, options: HilOptions) =>
					(await load()).inspectSwitch(context, of, isRepair, options),
				),
			);
		withExamples(withHilConnection(command), [`${bimetal} switch ${name} tor --as admin`]);
	}
	const replace = device
		.command('replace')
		.summary('Say how a switch is reached now: a new device, address or password')
		.description(
			'Sets type and settings of a recorded switch anew, from a rack file. Its ports and what is recorded of them stay; ' +
				'what is pending is done on the new device at once.',
		)
		.argument('<switch>', 'the switch')
		.argument('<file>', 'the rack file that has it')
		.action(
			run(async (name: string, file: string, options: HilOptions) =>
				(await load()).replaceSwitch(context, name, file, options),
			),
		);
	withExamples(withHilConnection(replace), [`${bimetal} switch replace tor rack.yaml --as admin`]);
}

function bound(text: string): number | 'any' {
	if (text === 'any') return 'any';
	if (/^\d{1,6}$/.test(text)) return Number(text);
	throw new InvalidArgumentError('expected a number, or any.');
}
