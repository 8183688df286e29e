import { type Command, Option } from 'commander';
import type { ProvisionerOptions } from '../provisioner/provisioner-connection.ts';
import { withHilConnection } from './options.ts';

/** The options of a command, with those that say which provisioner. */
export type Of<T> = ProvisionerOptions & T;

/** Which provisioner, and as which user of hil. */
export function withProvisioner(command: Command): Command {
	return withHilConnection(command).addOption(
		new Option('--provisioner <url>', 'the provisioner (or BIMETAL_PROVISIONER_URL)').helpGroup(
			'hil and user:',
		),
	);
}
