import type { Command } from 'commander';
import { commandName } from '../context.ts';
import { usageError } from '../failure.ts';
import { withExamples } from './options.ts';
import type { Registration } from './registration.ts';

/** The registrar and the verifier themselves, and what people do with them. */
export function addAttestCommands(program: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const attest = program
		.command('attest')
		.summary('Start attestation alone: which machine a node is, and what it has booted')
		.description('Starts the registrar, the verifier or both, as the site file says.')
		.option('-c, --config <file>', 'site file of attestation')
		.helpCommand(false)
		.action(
			run(async ({ config }: { config?: string }) => {
				if (config === undefined)
					throw usageError('which site?', `${bimetal} attest -c attest.yaml, or ${bimetal} attest --help`);
				const service = await import('../../attest/main.ts');
				await service.main({ config });
				return 0;
			}),
		);
	withExamples(attest, [`${bimetal} attest -c attest.yaml`]);
}
