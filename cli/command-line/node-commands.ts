import { Argument, type Command } from 'commander';
import type { AllocationOptions } from '../commands/hil-allocation.ts';
import type { PowerOptions, PowerVerb } from '../commands/hil-management.ts';
import type { NodeListOptions } from '../commands/hil-nodes.ts';
import { commandName } from '../context.ts';
import type { HilOptions } from '../hil/hil-connection.ts';
import { addLifeCommands } from './life-commands.ts';
import { collect, group, withExamples, withHilConnection } from './options.ts';
import type { Registration } from './registration.ts';

/** Servers, as hil knows them: nodes. */
export function addNodeCommands(program: Command, registration: Registration): void {
	const node = group(program, 'node', 'Find servers, take and release them, connect and manage them');
	addFinding(node, registration);
	addTaking(node, registration);
	addConnecting(node, registration);
	addManaging(node, registration);
	// `bimetal provision` is how it is spelled; who looks for it here finds it as well.
	addLifeCommands(node, registration, { isHidden: true });
}

const dryRun = 'say what would become of which port, change nothing';
const noWait = 'do not wait until the switches have followed';
const networkOf = 'put a NIC on a network: NIC:NETWORK, or NIC:NETWORK:VLAN when tagged (repeatable)';

function addFinding(node: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/hil-nodes.ts');
	const list = node
		.command('list')
		.summary('List nodes, by their properties')
		.description(
			'Lists free nodes and those of your projects. Conditions are =, !=, <, <=, >, >= with a number, a text, true or ' +
				'false, joined by and; a name alone asks whether it is there, and not before it that it is not.',
		)
		.option('--where <conditions>', 'only nodes with such properties')
		.option('--free', 'only free ones')
		.option('--project <name>', 'only those of this project')
		.option('--columns <names>', 'properties to show, in columns of their own: ram,cores')
		.action(run(async (options: NodeListOptions) => (await load()).listNodes(context, options)));
	withExamples(withHilConnection(list), [
		`${bimetal} node list --free`,
		`${bimetal} node list --where 'ram >= 128 and tpm and gpu = "A100"' --columns ram,gpu`,
	]);

	const show = node
		.command('show')
		.description('Show a node: project, properties, NICs and their networks')
		.argument('<node>', 'the node')
		.action(
			run(async (name: string, options: HilOptions) => (await load()).showNode(context, name, options)),
		);
	withExamples(withHilConnection(show), [`${bimetal} node show node4`]);
}

function addTaking(node: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/hil-allocation.ts');
	const take = node
		.command('take')
		.summary('Give free nodes to a project')
		.description(
			'Gives all of the nodes to the project, with their networks, or none of them; and lets the project manage them.',
		)
		.argument('<project>', 'the project')
		.argument('<node...>', 'free nodes')
		.option('--network <nic:network>', networkOf, collect)
		.option('--no-manage', 'leave power, boot device and console off')
		.option('--no-wait', noWait)
		.option('--dry-run', dryRun)
		.action(
			run(async (project: string, names: string[], options: AllocationOptions & { manage?: boolean }) =>
				(await load()).takeNodes(context, project, names, options),
			),
		);
	withExamples(withHilConnection(take), [
		`${bimetal} node take red node4`,
		`${bimetal} node take red node4 node5 --network nic0:inner --dry-run`,
	]);

	const release = node
		.command('release')
		.summary('Take nodes out of their project: off, ports clear, then free')
		.description(
			'Powers each node off, clears its ports, resets its boot device, and sets it free; each step is seen to be done. ' +
				'Shows how it gets on; Ctrl-C stops the showing, not the release.',
		)
		.argument('<node...>', 'nodes of your projects')
		.option('--no-wait', 'do not wait until they are free')
		.action(
			run(async (names: string[], options: HilOptions & { wait?: boolean }) =>
				(await import('../commands/hil-release.ts')).releaseNodes(context, names, options),
			),
		);
	withExamples(withHilConnection(release), [`${bimetal} node release node4 node5`]);

	const move = node
		.command('move')
		.summary('Move a node to another project, running as it is')
		.description(
			'Takes a node off all its networks and gives it to another project, with its networks there. It goes on running, ' +
				'with what is on its disk: between projects that do not trust each other, release it and take it anew. One that ' +
				`boots from a disk of the provisioner's is moved by '${bimetal} move'.`,
		)
		.argument('<node>', 'the node')
		.argument('<from>', 'its project')
		.argument('<to>', 'the other project')
		.option('--network <nic:network>', networkOf, collect)
		.option('--dry-run', dryRun)
		.action(
			run(async (name: string, from: string, to: string, options: AllocationOptions) =>
				(await load()).moveNode(context, [name, from, to], options),
			),
		);
	withExamples(withHilConnection(move), [
		`${bimetal} node move node4 red blue --network nic0:storage --as admin`,
	]);

	const lease = node
		.command('lease')
		.description('Say when a node is released from its project by itself')
		.argument('<node>', 'the node')
		.option('--for <time>', 'so long from now on: 8h, 30d')
		.option('--until <date>', 'at this moment, ISO 8601')
		.option('--none', 'not by itself')
		.action(
			run(async (name: string, options: HilOptions & { for?: string; until?: string; none?: boolean }) =>
				(await import('../commands/hil-node-records.ts')).setLease(context, name, options),
			),
		);
	withExamples(withHilConnection(lease), [
		`${bimetal} node lease node4 --for 8h --as admin`,
		`${bimetal} node lease node4 --until 2027-01-01T00:00:00Z --as admin`,
	]);
}

function addConnecting(node: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/hil-allocation.ts');
	const onNic = (command: Command) =>
		command.argument('<node>', 'the node').argument('<nic>', 'its NIC').argument('<network>', 'the network');
	const connect = onNic(node.command('connect'))
		.description('Put a NIC on a network')
		.option('--channel <channel>', "native (untagged), or the network's VLAN: 101 or vlan/101", 'native')
		.option('--no-wait', noWait)
		.option('--dry-run', dryRun)
		.action(
			run(
				async (
					name: string,
					nic: string,
					network: string,
					options: AllocationOptions & { channel?: string },
				) => (await load()).connectNetwork(context, [name, nic, network], options),
			),
		);
	withExamples(withHilConnection(connect), [
		`${bimetal} node connect node4 nic0 inner`,
		`${bimetal} node connect node4 nic0 store --channel 101 --dry-run`,
	]);
	const detach = onNic(node.command('detach'))
		.description('Take a NIC off a network')
		.option('--no-wait', noWait)
		.option('--dry-run', dryRun)
		.action(
			run(async (name: string, nic: string, network: string, options: AllocationOptions) =>
				(await load()).detachNetwork(context, [name, nic, network], options),
			),
		);
	withExamples(withHilConnection(detach), [`${bimetal} node detach node4 nic0 inner`]);
}

function addManaging(node: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/hil-management.ts');
	const wait = 'wait until those who must agree have done so';
	const power = node
		.command('power')
		.summary('Power a node on, off or anew, through the proxy')
		.description(
			'Powers a node on, off or anew, through the proxy. What another party must agree to first waits: exit 4.',
		)
		.argument('<node>', 'the node')
		.addArgument(new Argument('<change>', 'what to do').choices(['on', 'off', 'cycle', 'status']))
		.option('--force', 'with cycle: do not ask its system to shut down')
		.option('--wait', wait)
		.action(
			run(async (name: string, verb: PowerVerb, options: PowerOptions) =>
				(await load()).power(context, name, verb, options),
			),
		);
	withExamples(withHilConnection(power), [
		`${bimetal} node power node4 cycle`,
		`${bimetal} node power node4 off --wait`,
	]);
	const boot = node
		.command('boot')
		.description('Say what a node boots from, through the proxy')
		.argument('<node>', 'the node')
		.addArgument(new Argument('<device>', 'the device').choices(['pxe', 'disk', 'none']))
		.option('--wait', wait)
		.action(
			run(async (name: string, device: 'pxe' | 'disk' | 'none', options: HilOptions & { wait?: boolean }) =>
				(await load()).boot(context, name, device, options),
			),
		);
	withExamples(withHilConnection(boot), [`${bimetal} node boot node4 pxe`]);
	const console = node
		.command('console')
		.summary("Show what a node's serial console says")
		.description(
			"Shows a node's serial console from now on, until Ctrl-C or until somebody else reads it. It opens when all " +
				"parties have agreed that must; to type, use 'console'.",
		)
		.argument('<node>', 'the node')
		.action(
			run(async (name: string, options: HilOptions) => (await load()).watchConsole(context, name, options)),
		);
	withExamples(withHilConnection(console), [`${bimetal} node console node4`]);
	const manage = node
		.command('manage')
		.description("Let a node's project manage it, or end that")
		.argument('<node>', 'the node')
		.addArgument(new Argument('<state>', 'on or off').choices(['on', 'off']))
		.action(
			run(async (name: string, state: 'on' | 'off', options: HilOptions) =>
				(await load()).manage(context, name, state, options),
			),
		);
	withExamples(withHilConnection(manage), [`${bimetal} node manage node4 off`]);
	const set = node
		.command('set')
		.summary('Record properties of a node')
		.description('Records properties of a node, by which it is found; NAME= takes one away.')
		.argument('<node>', 'the node')
		.argument('<name=value...>', 'JSON, or a text')
		.action(
			run(async (name: string, given: string[], options: HilOptions) =>
				(await import('../commands/hil-node-records.ts')).setProperties(context, name, given, options),
			),
		);
	withExamples(withHilConnection(set), [
		`${bimetal} node set node4 ram=256 tpm=true 'gpu=["A100"]' --as admin`,
	]);
}
