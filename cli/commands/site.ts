import type { BmcView, PoliciesView } from '../../proxy/client.ts';
import { type ConnectionOptions, withConnection } from '../connection.ts';
import { type CliContext, commandName } from '../context.ts';
import { usageError } from '../failure.ts';
import { type Paint, painter, printFields, printJson, printLine, printTable } from '../output.ts';
import { visible } from '../visible.ts';

type Options = ConnectionOptions & { readonly json?: boolean };

/** `bimetal bmcs` */
export function listBmcs(context: CliContext, options: Options): Promise<number> {
	return withConnection(context, options, async ({ client }) => {
		const bmcs = await client.bmcs();
		if (options.json) {
			printJson(context, { bmcs });
			return 0;
		}
		const paint = painter(context);
		const state = { up: paint('green', 'up'), down: paint('red', 'down'), unknown: paint('dim', 'unknown') };
		await printTable(
			context,
			['NAME', 'STATE', 'DOORS', 'RACK', 'REDFISH'],
			bmcs.map(bmc => [
				visible(bmc.name),
				state[bmc.state],
				doorsText(paint, bmc),
				visible(bmc.rack),
				visible(bmc.url ?? bmc.prefixUrl),
			]),
		);
		return 0;
	});
}

/** Ways in beside the proxy; of a BMC that was never enrolled nobody knows. */
function doorsText(paint: Paint, { doors, openDoors, doorsCheckedAt }: BmcView): string {
	if (doors === 'shut') return paint('green', 'shut');
	if (doors === 'open') return `${paint('red', 'open')}: ${openDoors.map(door => visible(door)).join(', ')}`;
	return paint('dim', doorsCheckedAt === null ? '-' : 'unknown');
}

/** `bimetal policies [OPERATION]`: the authorization table, or one row of it with everything about it. */
export function listPolicies(
	context: CliContext,
	wanted: string | undefined,
	options: Options,
): Promise<number> {
	return withConnection(context, options, async ({ client }) => {
		const table = await client.policies();
		const operations = wanted ? matching(table.operations, wanted) : table.operations;
		if (operations.length === 0) {
			throw usageError(`no operation is called '${wanted}'`, `${commandName(context)} policies — lists them`);
		}
		if (options.json) printJson(context, { ...table, operations });
		else if (wanted) for (const operation of operations) printOperation(context, operation);
		else {
			const rows = operations.map(({ type, operation, p2c, policies }) => [
				visible(type),
				visible(operation),
				visible(p2c),
				Object.values(policies)
					.flat()
					.map(line => visible(line))
					.join('\n'),
			]);
			await printTable(context, ['TYPE', 'OPERATION', 'AUTHORIZATION', 'POLICIES'], rows);
			printLine(context, `\n${operations.length} operations, version ${visible(table.version.slice(0, 12))}`);
			printLine(
				context,
				"In capitals: an operator of that party asks or approves. In lower case: that party's policy holds.",
			);
		}
		return 0;
	});
}

type Row = PoliciesView['operations'][number];

function matching(operations: readonly Row[], wanted: string): Row[] {
	const lower = wanted.toLowerCase();
	const exact = operations.filter(row => row.operation.toLowerCase() === lower);
	return exact.length ? exact : operations.filter(row => row.operation.toLowerCase().includes(lower));
}

function printOperation(context: CliContext, row: Row): void {
	const lines = Object.values(row.policies).flat();
	printFields(context, [
		['operation', painter(context)('bold', visible(row.operation))],
		['type', visible(row.type)],
		['description', visible(row.description)],
		['calls', row.matches.map(match => visible(match)).join('\n')],
		...(row.properties
			? [['properties', row.properties.map(name => visible(name)).join(', ')] as const]
			: []),
		['authorization', visible(row.p2c)],
		['policies', lines.length ? lines.map(line => visible(line)).join('\n') : '(none)'],
	]);
	printLine(context);
}
