import { createProvisionerClient, type ProvisionerClient } from '../../provisioner/client.ts';
import { type CliContext, commandName } from '../context.ts';
import type { HilOptions } from '../hil/hil-connection.ts';
import { chooseService, soleProject, withClient } from '../hil/service-connection.ts';

/** The options that say which provisioner, and as which user of hil. */
export interface ProvisionerOptions extends HilOptions {
	readonly provisioner?: string;
}

export interface ProvisionerConnection {
	readonly client: ProvisionerClient;
	/** What to add to a line for it to act as the same user: ` --as red`, or nothing. */
	readonly suffix: string;
}

/** Runs `work` with a client of the provisioner that options, environment or profile name (in this order), and closes it. */
export async function withProvisioner<R>(
	context: CliContext,
	options: ProvisionerOptions,
	work: (connection: ProvisionerConnection) => Promise<R>,
	signal: AbortSignal = context.interruption(),
): Promise<R> {
	const { url, credential, ca, suffix } = await chooseService(context, options, 'provisioner');
	const client = createProvisionerClient({ url, ...credential, ca, signal });
	return withClient(client, `${commandName(context)} operation list${suffix} — what was begun goes on`, () =>
		work({ client, suffix }),
	);
}

/** The project that is named, or the only one. */
export const projectOf = (client: ProvisionerClient, project: string | undefined): Promise<string> =>
	soleProject(project, async () => (await client.me()).projects);
