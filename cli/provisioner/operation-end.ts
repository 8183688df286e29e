import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { OperationView, ProvisionerClient } from '../../provisioner/client.ts';
import { type CliContext, commandName } from '../context.ts';
import { hinted } from '../failure.ts';
import { visible } from '../visible.ts';
import { progressBar } from './progress-bar.ts';

/** Milliseconds that one look waits for the end. */
const look = 1000;

/**
 * Shows how an operation gets on until it has ended.
 * @throws OperationFailed with the reason; Interrupted when the user does not wait: the operation goes on
 */
export async function operationEnd(
	context: CliContext,
	client: ProvisionerClient,
	begun: Pick<OperationView, 'id'>,
): Promise<OperationView> {
	const progress = progressBar(context);
	const { id } = begun;
	const bimetal = commandName(context);
	try {
		for (;;) {
			const now = await client.operation(id, look);
			if (now.status === 'DONE') return now;
			if (now.status === 'FAILED')
				throw hinted(
					new BimetalError('OperationFailed', now.reason ?? 'it came to nothing', { status: 500 }),
					`${bimetal} operation show ${id}; everything is as before`,
				);
			showStage(progress, now);
		}
	} catch (error) {
		if (error instanceof BimetalError && error.code === 'Interrupted')
			throw hinted(error, `${bimetal} operation show ${id} — it goes on; 'operation cancel' ends it`);
		throw error;
	} finally {
		progress.end();
	}
}

function showStage(
	progress: ReturnType<typeof progressBar>,
	{ status, stages, progress: far, error }: OperationView,
): void {
	const stage = stages.at(-1)?.name ?? 'waiting';
	const trouble = error === null ? '' : ` (${visible(error)}; tried again)`;
	const isShare = far?.total === 100;
	if (status === 'UNDOING') progress.say(`undoing: ${visible(stage)}${trouble}`);
	else if (!far || trouble) progress.say(`${visible(stage)}${trouble}`);
	else if (isShare) progress.show(visible(stage), far.done, 100, value => `${Math.round(value)} %`);
	else progress.show(visible(stage), far.done, far.total);
}
