import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { OperationView } from '../../provisioner/client.ts';
import { sleep } from '../commands/follow.ts';
import { type CliContext, commandName } from '../context.ts';
import { hinted } from '../failure.ts';
import { visible } from '../visible.ts';
import { operationProgress } from './operation-progress.ts';
import type { ProvisionerConnection } from './provisioner-connection.ts';

/** Milliseconds that one look waits for news: on a terminal no more than a second, for the times that it shows. */
const liveLook = 1000;
const quietLook = 25_000;
/** Milliseconds between two tries to reach a provisioner that has gone away, and how many: it may be starting again. */
const retryEvery = 2000;
const mostRetries = 30;

export interface FollowHow {
	/** Is given each state that it comes to, instead of what people are shown. */
	readonly onChange?: (operation: OperationView) => void;
}

/**
 * Shows how an operation gets on until it has ended, through a restart of the provisioner as well.
 * @throws OperationFailed with the reason; Interrupted when the user does not wait: the operation goes on
 */
export async function operationEnd(
	context: CliContext,
	connection: ProvisionerConnection,
	begun: Pick<OperationView, 'id'>,
	{ onChange }: FollowHow = {},
): Promise<OperationView> {
	const { client, suffix } = connection;
	const { id } = begun;
	const bimetal = commandName(context);
	const signal = context.interruption();
	const progress = onChange ? undefined : operationProgress(context);
	let seen: number | undefined;
	let isEnded = false;
	let isKnown = 'revision' in begun;
	let retries = 0;
	try {
		for (;;) {
			const look = progress && context.stderr.isTTY ? liveLook : quietLook;
			const now = await client.operation(id, seen === undefined ? 0 : look, seen).catch(async fault => {
				const isAway = fault instanceof BimetalError && fault.code === 'ProvisionerUnreachable';
				// Where nothing was heard of it yet, the address may be wrong.
				if (!isAway || !isKnown || ++retries > mostRetries) throw fault;
				progress?.say('the provisioner does not answer; trying again');
				await sleep(context.clock, retryEvery, signal);
				return undefined;
			});
			if (!now) continue;
			isKnown = true;
			retries = 0;
			if (now.revision !== seen) onChange?.(now);
			isEnded = now.endedAt !== null;
			if (now.status === 'FAILED') throw failure(now, `${bimetal} operation show ${id}${suffix}`);
			progress?.show(now);
			if (isEnded) return now;
			seen = now.revision;
		}
	} catch (error) {
		if (isEnded || !(error instanceof BimetalError)) throw error;
		const next = `${bimetal} operation follow ${id}${suffix} — it goes on; ${bimetal} operation cancel ${id}${suffix} ends it`;
		if (error.code === 'Interrupted') throw hinted(error, next);
		if (error.code === 'ProvisionerUnreachable' && isKnown)
			throw hinted(
				error,
				`${bimetal} operation follow ${id}${suffix}, once it answers: it takes up what was begun`,
			);
		throw error;
	} finally {
		progress?.end();
	}
}

/** What may be looked at when a stage has come to nothing. */
const looks: Readonly<Record<string, string>> = {
	network: 'node show NODE — its networks',
	power: 'node power NODE status, and requests — what was denied or withdrawn',
	dhcp: 'node console NODE — what it says while it boots, at the next try',
	login: 'node console NODE — what it says while it boots, at the next try',
	node: 'node list --free — --where takes another kind',
};
const sameLook: Readonly<Record<string, string>> = {
	detach: 'network',
	project: 'network',
	'power-off': 'power',
	script: 'dhcp',
};

function failure({ reason, during, node }: OperationView, show: string): BimetalError {
	const where = during === null ? '' : `${during}: `;
	const look = looks[sameLook[during ?? ''] ?? during ?? ''];
	const bimetal = show.slice(0, show.indexOf(' operation'));
	const next = look === undefined ? show : `${bimetal} ${look.replace('NODE', visible(node ?? 'NODE'))}`;
	return hinted(
		new BimetalError('OperationFailed', `${where}${reason ?? 'it came to nothing'}`, { status: 500 }),
		`${next}; everything is as it was before`,
	);
}
