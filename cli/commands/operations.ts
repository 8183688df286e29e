import type { OperationView, ProvisionerClient } from '../../provisioner/client.ts';
import type { CliContext } from '../context.ts';
import { dateText, painter, printFields, printJson, printLine, printTable, relativeTime } from '../output.ts';
import { operationEnd } from '../provisioner/operation-end.ts';
import { times, timeText } from '../provisioner/operation-progress.ts';
import { amountText } from '../provisioner/progress-bar.ts';
import { type ProvisionerOptions, withProvisioner } from '../provisioner/provisioner-connection.ts';
import { configuredText } from '../provisioner/stage-table.ts';
import { visible } from '../visible.ts';

const colours = { PENDING: 'yellow', UNDOING: 'yellow', DONE: 'green', FAILED: 'red' } as const;

const statusText = (context: CliContext, { status }: OperationView): string =>
	painter(context)(colours[status], status.toLowerCase());

/** `bimetal operation list` */
export const listOperations = (
	context: CliContext,
	options: ProvisionerOptions & { readonly all?: boolean },
): Promise<number> =>
	withProvisioner(context, options, async ({ client }) => {
		const operations = await client.operations(options.all);
		if (options.json) printJson(context, { operations });
		else if (operations.length === 0)
			printLine(
				context,
				options.all ? 'No operations.' : 'Nothing is under way; --all shows what has ended.',
			);
		else
			await printTable(
				context,
				['OPERATION', 'KIND', 'PROJECT', 'STATUS', 'STAGE', 'ASKED', 'BY'],
				operations.map(each => [
					visible(each.id),
					visible(each.kind),
					visible(each.project),
					statusText(context, each),
					visible(each.stages.at(-1)?.name ?? '-'),
					relativeTime(Date.parse(each.askedAt), context.clock.now()),
					visible(each.asker),
				]),
			);
		return 0;
	});

/** `bimetal operation show OPERATION` */
export const showOperation = (
	context: CliContext,
	id: string,
	options: ProvisionerOptions,
): Promise<number> =>
	withProvisioner(context, options, async ({ client }) =>
		printOperation(context, client, options, await client.operation(id)),
	);

/** `bimetal operation follow OPERATION`: until it has ended; as JSON, a line for each state that it comes to. */
export const followOperation = (
	context: CliContext,
	id: string,
	options: ProvisionerOptions,
): Promise<number> =>
	withProvisioner(context, options, async connection => {
		const onChange = (now: OperationView): void =>
			void context.stdout.write(`${visible(JSON.stringify(now))}\n`);
		const ended = await operationEnd(context, connection, { id }, options.json ? { onChange } : {});
		return options.json ? 0 : printOperation(context, connection.client, options, ended);
	});

/** `bimetal operation cancel OPERATION` */
export const cancelOperation = (
	context: CliContext,
	id: string,
	options: ProvisionerOptions,
): Promise<number> =>
	withProvisioner(context, options, async ({ client }) =>
		printOperation(context, client, options, await client.cancel(id)),
	);

async function printOperation(
	context: CliContext,
	client: ProvisionerClient,
	{ json }: ProvisionerOptions,
	operation: OperationView,
): Promise<number> {
	if (json) {
		printJson(context, operation);
		return 0;
	}
	const { progress, error, reason, attempts, note, during } = operation;
	const configured = configuredText(operation);
	printFields(context, [
		['operation', painter(context)('bold', visible(operation.id))],
		['kind', visible(operation.kind)],
		['status', statusText(context, operation)],
		['project', visible(operation.project)],
		['about', visible((await subjectsOf(client, operation)).join(', ')) || '-'],
		['asked', visible(`${dateText(operation.askedAt)} by ${operation.asker}`)],
		['stages', operation.stages.map(stageText).join('\n') || '-'],
		...(progress ? [['progress', amountText(progress.done, progress.total)] as const] : []),
		...(configured === undefined ? [] : [['configured', configured] as const]),
		...(note === null ? [] : [['waits', visible(note)] as const]),
		...(error === null ? [] : [['trouble', visible(`${error} (tried ${times(attempts)})`)] as const]),
		...(reason === null ? [] : [['reason', visible(reason)] as const]),
		...(during === null ? [] : [['in stage', visible(during)] as const]),
	]);
	return 0;
}

/** What an operation is about, by names; by ids where it is gone. */
async function subjectsOf(
	client: ProvisionerClient,
	{ node, disk, image }: OperationView,
): Promise<readonly string[]> {
	const diskName = async (id: string): Promise<string> => {
		const found = await client.disk(id).catch(() => undefined);
		return `disk ${found ? `${found.project}/${found.name}` : id}`;
	};
	const imageName = async (id: string): Promise<string> => {
		const found = await client.image(id).catch(() => undefined);
		return `image ${found?.reference ?? id}`;
	};
	return [
		...(node === null ? [] : [`node ${node}`]),
		...(disk === null ? [] : [await diskName(disk)]),
		...(image === null ? [] : [await imageName(image)]),
	];
}

const stageText = ({ name, ms, isOver }: OperationView['stages'][number]): string =>
	visible(`${name.padEnd(10)}${timeText(ms).padStart(11)}${isOver ? '' : '  under way'}`);
