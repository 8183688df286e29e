import type { OperationView } from '../../provisioner/client.ts';
import type { CliContext } from '../context.ts';
import { printTable } from '../output.ts';
import { visible } from '../visible.ts';
import { timeText } from './operation-progress.ts';

/** What each stage of an operation took, and all of them. */
export async function printStages(context: CliContext, operation: OperationView): Promise<void> {
	const { stages } = operation;
	if (stages.length === 0) return;
	const rows = stages.map(({ name, ms }) => [visible(name), timeText(ms).padStart(11)]);
	const total = stages.reduce((sum, { ms }) => sum + ms, 0);
	await printTable(context, ['STAGE', '       TIME'], [...rows, ['total', timeText(total).padStart(11)]]);
}

/** How long after the operation was asked for its node had its configuration; undefined: it has not fetched any. */
export function configuredText({ askedAt, configuredAt }: OperationView): string | undefined {
	if (configuredAt === null) return undefined;
	return `${timeText(Math.max(0, Date.parse(configuredAt) - Date.parse(askedAt)))} after it was asked for`;
}
