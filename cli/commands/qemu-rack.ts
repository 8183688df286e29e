import { resolve } from 'node:path';
import { duration } from '../../common/config/values.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { PortVlans } from '../../common/ovsdb/port-vlans.ts';
import { lowerRack, raiseRack } from '../../qemu/rack/background-rack.ts';
import { askRack, askStatus, openRackConsole } from '../../qemu/rack/control-client.ts';
import type { RackStatus } from '../../qemu/rack/control-protocol.ts';
import { readRackFile } from '../../qemu/rack/rack-file.ts';
import { findRacks, type RackFolders, rackFolders } from '../../qemu/rack/rack-folders.ts';
import { planRack } from '../../qemu/rack/rack-plan.ts';
import { checkSwitchRequirements } from '../../qemu/switch/requirements.ts';
import { type CliContext, commandName } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { hinted, usageError } from '../failure.ts';
import { printFields, printJson, printLine, printTable, relativeTime } from '../output.ts';
import { progressLine } from '../progress.ts';
import { visible } from '../visible.ts';
import { typeOnRackConsole } from './qemu-rack-console.ts';

export interface RackOptions {
	readonly json?: boolean;
	readonly rack?: string;
	readonly state?: string;
}
export interface UpOptions extends Omit<RackOptions, 'rack'> {
	readonly off?: boolean;
}
export interface DownOptions extends RackOptions {
	readonly timeout: string;
	readonly wipe?: boolean;
}
export type ConsoleOptions = Omit<RackOptions, 'json'>;

/** `bimetal qemu rack up`: returns when it is up; it goes on in the background. */
export async function rackUp(context: CliContext, path: string, options: UpOptions): Promise<number> {
	const bimetal = commandName(context);
	const file = resolve(context.cwd, path);
	const plan = planRack(readRackFile(file));
	const folders = rackFolders(plan.name, { state: options.state, ...context });
	if (plan.hasSwitch)
		await checkSwitchRequirements().catch(fault => {
			throw hinted(fault, 'install what is missing, or say `switch: false` in the rack file');
		});
	const signal = context.interruption();
	const progress = progressLine(context);
	try {
		const { status, wasUp } = await raiseRack({
			plan,
			file,
			folders,
			on: options.off !== true,
			onProgress: text => progress.show(`${plan.name}: ${visible(text)}`),
			signal,
		});
		progress.end();
		if (options.json) printJson(context, { ...status, wasUp });
		else {
			printLine(context, `${status.name} ${wasUp ? 'was up already' : 'is up'}.`);
			printLine(context);
			await printRack(context, status);
			printLine(context);
			printLine(context, `  ${bimetal} qemu rack console ${status.nodes[0]?.name ?? 'NODE'}`);
			printLine(context, `  ${bimetal} qemu rack down`);
		}
		return exitCodes.ok.code;
	} catch (fault) {
		progress.end();
		if (signal.aborted && fault instanceof BimetalError)
			throw hinted(fault, `${bimetal} qemu rack down — the start goes on in the background`);
		if (fault instanceof BimetalError && fault.code === 'RackChanged')
			throw hinted(fault, `${bimetal} qemu rack down, and then the same again`);
		throw fault;
	}
}

/** `bimetal qemu rack status` */
export async function rackStatus(context: CliContext, options: RackOptions): Promise<number> {
	const status = await askStatus((await oneRack(context, options)).runFolder);
	if (!status) throw notUp(context, options.rack);
	if (options.json) printJson(context, status);
	else {
		const since = relativeTime(Date.parse(status.startedAt), context.clock.now());
		const doing = status.doing === null ? '' : `: ${visible(status.doing)}`;
		printLine(context, `${status.name} is ${status.state}${doing}. Started ${since}.`);
		printLine(context);
		await printRack(context, status);
	}
	return exitCodes.ok.code;
}

async function printRack(context: CliContext, status: RackStatus): Promise<void> {
	const vlans = new Map(status.switch?.ports.map(port => [port.name, vlansText(port)]));
	await printTable(
		context,
		['NODE', 'POWER', 'WATTS', 'MEMORY', 'BMC', 'NICS (VLAN)', 'CONSOLE'],
		status.nodes.map(node => [
			visible(node.name),
			node.power,
			String(node.watts),
			megabytes(node.memoryBytes),
			node.bmc,
			node.macs
				.map((mac, index) =>
					status.switch ? `${mac} (${vlans.get(`${node.name}.${index}`) ?? 'none'})` : mac,
				)
				.join(', '),
			visible(node.console),
		]),
	);
	printLine(context);
	const fault = status.switch?.fault;
	printFields(context, [
		['PDU', status.pdu ? `${status.pdu.url}, ${status.pdu.watts} W` : 'not yet'],
		['Memory', `${megabytes(status.memoryBytes)}, ${megabytes(status.supervisorBytes)} of it all BMCs`],
		['Runs under', status.accelerator ?? 'not yet'],
		...(status.switch
			? ([
					['Switch', fault == null ? `network ${status.switch.network}` : `broken: ${visible(fault)}`],
				] as const)
			: []),
		['Credentials', status.credentials ?? 'not yet'],
		['CA', status.ca ?? 'not yet'],
	]);
}

/** As `rack vlan` takes it: `10`, `10,20t`, `none`. */
const vlansText = ({ untagged, tagged }: PortVlans): string =>
	[...(untagged === null ? [] : [untagged]), ...tagged.map(vlan => `${vlan}t`)].join(',') || 'none';

/** `bimetal qemu rack vlan`: what a port of the switch carries, from now on. */
export async function rackVlan(
	context: CliContext,
	port: string,
	text: string,
	options: RackOptions,
): Promise<number> {
	if (!/^(?:none|\d{1,4}t?(?:,\d{1,4}t?)*)$/.test(text))
		throw usageError(`'${visible(text)}' names no VLANs`, '10, or 10,20t (20 with its tag), or none');
	const words = text === 'none' ? [] : text.split(',');
	const [untagged = null, ...more] = words.filter(word => !word.endsWith('t')).map(Number);
	if (more.length > 0) throw usageError('a port has one VLAN without a tag', `${untagged},${more[0]}t`);
	const tagged = words.filter(word => word.endsWith('t')).map(word => Number.parseInt(word, 10));
	const { runFolder } = await oneRack(context, options);
	const request = { do: 'vlans', port, untagged, tagged } as const;
	if (!(await askRack(runFolder, request))) throw notUp(context, options.rack);
	if (options.json) printJson(context, { port, untagged, tagged });
	else printLine(context, `${visible(port)} carries ${text === 'none' ? 'nothing' : `VLAN ${text}`}.`);
	return exitCodes.ok.code;
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;

/** `bimetal qemu rack console` */
export async function rackConsole(
	context: CliContext,
	node: string,
	options: ConsoleOptions,
): Promise<number> {
	const opened = await openRackConsole((await oneRack(context, options)).runFolder, node);
	if (!opened) throw notUp(context, options.rack);
	return typeOnRackConsole(context, opened, node);
}

/** `bimetal qemu rack down`: whatever became of the rack, nothing of it runs afterwards. */
export async function rackDown(context: CliContext, options: DownOptions): Promise<number> {
	const timeout = duration.safeParse(options.timeout);
	if (!timeout.success) throw usageError(`'${visible(options.timeout)}' is no time`, '--timeout 20s');
	const found = await findRacks(context.env);
	if (found.length === 0 && options.rack === undefined) {
		if (options.json)
			printJson(context, { rack: null, wasUp: false, leftovers: { processes: [], mounts: [] } });
		else printLine(context, 'No rack is up.');
		return exitCodes.ok.code;
	}
	const folders = await oneRack(context, options);
	const progress = progressLine(context);
	const { wasUp, leftovers } = await lowerRack({
		folders,
		patienceMs: timeout.data,
		wipe: options.wipe === true,
		onProgress: text => progress.show(visible(text)),
	}).finally(() => progress.end());
	const { processes, mounts } = leftovers;
	if (options.json) printJson(context, { rack: folders.run, wasUp, leftovers });
	else {
		printLine(context, wasUp ? 'The rack is down.' : 'The rack was not up.');
		if (processes.length + mounts.length > 0)
			printLine(context, `Ended what was left over: ${processes.length} processes, ${mounts.length} mounts.`);
		printLine(
			context,
			options.wipe ? `Deleted ${folders.stateFolder}.` : `Disks and settings stay in ${folders.stateFolder}.`,
		);
	}
	return exitCodes.ok.code;
}

/** The rack that is meant: the only one, or the one that is named. */
async function oneRack(context: CliContext, options: ConsoleOptions): Promise<RackFolders> {
	const { rack, state } = options;
	const wanted = state === undefined ? undefined : resolve(context.cwd, state);
	const found = (await findRacks(context.env)).filter(
		({ name, stateFolder }) =>
			(rack === undefined || name === rack) && (wanted === undefined || stateFolder === wanted),
	);
	const [only, ...others] = found;
	if (only && others.length === 0) return rackFolders(only.name, { state: only.stateFolder, ...context });
	if (only)
		throw usageError(
			`there are several racks: ${found.map(({ name, stateFolder }) => `${name} (${stateFolder})`).join(', ')}`,
			`--rack ${only.name} --state ${only.stateFolder}`,
		);
	if (rack === undefined) throw notUp(context, undefined);
	// Not known to be up; what it left behind can be found by its name all the same.
	return rackFolders(rack, { state, ...context });
}

const notUp = (context: CliContext, name: string | undefined): BimetalError =>
	hinted(
		new BimetalError('NoRack', name === undefined ? 'no rack is up' : `no rack ${visible(name)} is up`, {
			status: 404,
		}),
		`${commandName(context)} qemu rack up FILE`,
	);
