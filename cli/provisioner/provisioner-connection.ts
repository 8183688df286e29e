import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { createProvisionerClient, type ProvisionerClient } from '../../provisioner/client.ts';
import { type CliContext, commandName } from '../context.ts';
import { hinted, usageError } from '../failure.ts';
import { checkedUrl, chooseHil, type HilOptions } from '../hil/hil-connection.ts';

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
	const { credential, ca, profile, provisioner } = await chooseHil(context, options);
	const bimetal = commandName(context);
	const url = options.provisioner ?? context.env.BIMETAL_PROVISIONER_URL ?? provisioner;
	if (url === undefined)
		throw usageError(
			'which provisioner?',
			`--provisioner https://HOST:5001, BIMETAL_PROVISIONER_URL, or '${bimetal} hil login … --provisioner URL' once`,
		);
	if ('certificate' in credential)
		throw usageError(
			'the provisioner takes no client certificates',
			"--user NAME --password-file FILE, or --token-file FILE: hil's",
		);
	const client = createProvisionerClient({ url: checkedUrl(url), ...credential, ca, signal });
	const named = profile !== undefined && profile !== 'default' && !context.env.BIMETAL_HIL_PROFILE;
	try {
		return await work({ client, suffix: named ? ` --as ${profile}` : '' });
	} catch (error) {
		const isInterrupted = error instanceof BimetalError && error.code === 'Interrupted';
		if (isInterrupted && !('tryNext' in error))
			throw hinted(error, `${bimetal} operation list — what was begun goes on`);
		throw error;
	} finally {
		await client.close();
	}
}

/** The project that is named, or the only one. */
export async function projectOf(client: ProvisionerClient, project: string | undefined): Promise<string> {
	if (project !== undefined) return project;
	const { projects } = await client.me();
	const [only] = projects;
	if (only !== undefined && projects.length === 1) return only;
	throw usageError(
		'for which project?',
		projects.length > 0 ? `--project ${projects.join(' or --project ')}` : '--project PROJECT',
	);
}
