import type { Command } from 'commander';
import type { RedfishOptions } from '../commands/redfish.ts';
import { commandName } from '../context.ts';
import { collect, withConnection, withExamples } from './options.ts';
import type { Registration } from './registration.ts';

const AFTER = `
A call that needs another party's operator prints who, and the line that approves it, and exits with 4.
With --wait it waits for the answer; Ctrl-C ends the waiting, not the request.`;

export function addRedfishCommands(program: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	program.commandsGroup('Redfish through the proxy:');

	const add = (method: string, summary: string, examples: readonly string[]) => {
		const command = program
			.command(method.toLowerCase())
			.description(
				`${summary}; PATH is what the BMC calls it, 'Systems/system' is short for /redfish/v1/Systems/system`,
			)
			.summary(summary)
			.argument('<path>', 'Redfish path')
			.option('--bmc <name>', "the server's BMC (or BIMETAL_BMC)")
			.option('--query <name=value>', 'add a query parameter, for instance $top=5 (repeatable)', collect)
			.option('-w, --wait', 'wait for approval, execution and the final answer')
			.option('-i, --include', 'print status and headers on stderr');
		if (method === 'GET')
			command.option('-t, --table', "show a collection's members, such as log entries, as a table");
		else {
			command.option('--if-match <etag>', 'only if the resource still has this ETag');
			if (method !== 'DELETE') {
				command
					.option('-d, --body <json>', method === 'POST' ? 'JSON to send (default: {})' : 'JSON to send')
					.option('--body-file <file>', "read the JSON from a file ('-' is standard input)");
			}
		}
		command.action(
			run(async (path: string, options: RedfishOptions) => {
				const commands = await import('../commands/redfish.ts');
				return commands.redfish(context, method, path, options);
			}),
		);
		withExamples(withConnection(command), examples).addHelpText('after', AFTER);
	};

	add('GET', 'Read a resource', [
		`${bimetal} get /redfish/v1/Systems/system --bmc node1`,
		`${bimetal} get Systems/system/LogServices/EventLog/Entries --bmc node1 --table`,
		`${bimetal} get Chassis --bmc node1 --query '$expand=.($levels=1)' --as cp`,
	]);
	add('POST', 'Call an action or create a resource', [
		`${bimetal} post Systems/system/Actions/ComputerSystem.Reset --bmc node1 -d '{"ResetType":"ForceRestart"}'`,
		`${bimetal} post Managers/bmc/Actions/Manager.ResetToDefaults --bmc node1 -d '{"ResetType":"ResetAll"}' --wait`,
	]);
	add('PATCH', 'Change properties of a resource', [
		`${bimetal} patch Systems/system --bmc node1 -d '{"Boot":{"BootSourceOverrideTarget":"Pxe","BootSourceOverrideEnabled":"Once"}}'`,
		`${bimetal} patch Managers/bmc/NetworkProtocol --bmc node1 --body-file ntp.json --if-match '"1A2B3C"'`,
	]);
	add('DELETE', 'Delete a resource', [`${bimetal} delete EventService/Subscriptions/1 --bmc node1`]);

	const explain = program
		.command('explain')
		.summary('Tell what would come of a call, and why')
		.description(
			'Tells which rows of the table a call falls under, every clause and policy with its values, and who would be ' +
				'needed. Nothing is executed, and no request is made. What another party hides stays hidden. Exits like the ' +
				'call itself would: 0 it would be executed, 4 it would wait, 3 it would be denied',
		)
		.argument('<method>', 'GET, POST, PATCH…')
		.argument('<path>', 'Redfish path')
		.option('--bmc <name>', "the server's BMC (or BIMETAL_BMC)")
		.option('--by <party>', 'as if an operator of this party asked')
		.option('--query <name=value>', 'add a query parameter (repeatable)', collect)
		.option('--if-match <etag>', 'with this ETag')
		.option('-d, --body <json>', 'JSON that would be sent')
		.option('--body-file <file>', "read the JSON from a file ('-' is standard input)")
		.action(
			run(async (method: string, path: string, options: RedfishOptions & { by?: string }) => {
				const commands = await import('../commands/explain.ts');
				return commands.explainCall(context, method, path, options);
			}),
		);
	withExamples(withConnection(explain), [
		`${bimetal} explain POST Systems/system/Actions/ComputerSystem.Reset --bmc node1 --as hso -d '{"ResetType":"ForceRestart"}'`,
		`${bimetal} explain GET Chassis/chassis --bmc node1 --by CP`,
		`${bimetal} explain WEBSOCKET /console0 --bmc node1 --as hso`,
	]);
}
