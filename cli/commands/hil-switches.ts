import path from 'node:path';
import type { DriftView, SwitchHealth, SwitchPorts, SwitchStates } from '../../hil/client.ts';
import { type CliContext, commandName } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { usageError } from '../failure.ts';
import { type HilOptions, withHil } from '../hil/hil-connection.ts';
import { carries, networksText } from '../hil/port-text.ts';
import { painter, printFields, printJson, printLine, printTable, relativeTime, short } from '../output.ts';
import { readRackFile } from '../rack/rack-file.ts';
import { withSecrets } from '../rack/rack-plan.ts';
import { visible } from '../visible.ts';

type State = SwitchStates[number];

/** `bimetal switch list` */
export const listSwitches = (context: CliContext, options: HilOptions): Promise<number> =>
	withHil(context, options, async ({ client }) => {
		const switches = await client.administration.switchStates();
		if (options.json) printJson(context, { switches });
		else if (switches.length === 0)
			printLine(context, `No switches. '${commandName(context)} hil register FILE' records them.`);
		else
			await printTable(
				context,
				['SWITCH', 'TYPE', 'ANSWERS', 'WAITING', 'PORTS', 'LOOKED AT'],
				switches.map(each => [
					visible(each.name),
					visible(typeName(each.type)),
					answersText(context, each),
					String(each.queued),
					portsText(context, each),
					each.last_check ? relativeTime(Date.parse(each.last_check.at), context.clock.now()) : '-',
				]),
			);
		return 0;
	});

const typeName = (type: string): string => type.split('/').at(-1) ?? type;

function answersText(context: CliContext, { reachable, since }: State): string {
	if (reachable === null) return 'not asked';
	const paint = painter(context);
	if (reachable) return paint('green', 'yes');
	const ago = since === null ? '' : `, ${relativeTime(Date.parse(since), context.clock.now())}`;
	return paint('red', `no${ago}`);
}

function portsText(context: CliContext, { last_check: check }: State): string {
	if (!check) return '-';
	const left = check.drifted - check.repaired;
	return left === 0 ? `${check.ports}` : `${check.ports}, ${painter(context)('yellow', `${left} drifted`)}`;
}

/** `bimetal switch show SWITCH` */
export const showSwitch = (context: CliContext, name: string, options: HilOptions): Promise<number> =>
	withHil(context, options, async ({ client }) => {
		const { administration: hil } = client;
		const health = await hil.switchHealth(name);
		const ports: SwitchPorts['ports'][number][] = [];
		for (let after: string | null | undefined; after !== null; ) {
			const page = await hil.switchPorts(name, after);
			ports.push(...page.ports);
			after = page.next;
		}
		if (options.json) {
			printJson(context, { ...health, ports });
			return 0;
		}
		printFields(context, [
			['switch', painter(context)('bold', visible(name))],
			['type', visible(typeName(health.type))],
			['answers', answersText(context, health)],
			['waiting', `${health.queued} changes`],
			...(health.last_error ? [['last error', visible(health.last_error.message)] as const] : []),
			['ports', portsText(context, health) === '-' ? String(ports.length) : portsText(context, health)],
		]);
		if (ports.length > 0) {
			printLine(context);
			await printTable(
				context,
				['PORT', 'NIC', 'PROJECT', 'NETWORKS'],
				ports.map(({ port, node, nic, project, ...carried }) => [
					visible(port),
					node === null ? '-' : visible(`${node}/${nic}`),
					visible(project ?? '-'),
					networksText(context, carried),
				]),
			);
		}
		if (health.drifted.length > 0) printLine(context);
		await printDrift(context, health.drifted);
		return 0;
	});

/** `bimetal switch drift SWITCH` and `… repair …`: the switch is asked for every port. */
export const inspectSwitch = (
	context: CliContext,
	name: string,
	isRepair: boolean,
	options: HilOptions,
): Promise<number> =>
	withHil(context, options, async ({ client, suffix }) => {
		const { ports } = await client.administration.drift(name, isRepair);
		const left = ports.filter(({ repaired }) => !repaired);
		if (options.json) printJson(context, { ports });
		else if (ports.length === 0) printLine(context, `${visible(name)} carries what is recorded.`);
		else {
			await printDrift(context, ports);
			if (left.length > 0 && !isRepair)
				printLine(
					context,
					`\nIf the switch is wrong: ${commandName(context)} switch repair ${visible(name)}${suffix}`,
				);
		}
		return left.length > 0 ? exitCodes.found.code : exitCodes.ok.code;
	});

/** `bimetal switch replace SWITCH FILE`: how it is reached from now on, as a rack file has it. */
export const replaceSwitch = (
	context: CliContext,
	name: string,
	file: string,
	options: HilOptions,
): Promise<number> =>
	withHil(context, options, async ({ client, suffix }) => {
		const given = readRackFile(path.resolve(context.cwd, file)).switches[name];
		if (!given) throw usageError(`${file} has no switch ${name}`, 'the name that it is recorded by');
		await client.administration.replaceSwitch(name, given.type, await withSecrets(given.settings));
		if (options.json) printJson(context, { switch: name, type: given.type });
		else
			printLine(
				context,
				`${visible(name)} is reached as the file says. Next: ${commandName(context)} switch drift ${visible(name)}${suffix}`,
			);
		return exitCodes.ok.code;
	});

async function printDrift(
	context: CliContext,
	ports: DriftView['ports'] | SwitchHealth['drifted'],
): Promise<void> {
	if (ports.length === 0) return;
	const paint = painter(context);
	await printTable(
		context,
		['DRIFTED PORT', 'NIC', 'RECORDED', 'FOUND', ''],
		ports.map(({ port, nic, recorded, found, repaired, error }) => [
			visible(port),
			nic === null ? '-' : visible(nic),
			carries(recorded),
			found === null ? '?' : carries(found),
			repaired ? paint('green', 'put right') : error === null ? '' : paint('red', short(error, 40)),
		]),
	);
}
