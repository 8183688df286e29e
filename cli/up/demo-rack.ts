import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isMap, parseDocument } from 'yaml';
import { writeFileDurably } from '../../common/store/durable-file.ts';
import type { ServerDescription } from '../rack/describe-server.ts';
import type { SwitchOfRack } from './machine-room.ts';

/** The one switch, and the projects that there are to begin with; each has one user. */
export const demoSwitch = 'tor';
export const demoProjects = ['red', 'blue'] as const;

/** hil's network that servers boot on, where they are on a switch. */
export const bootNetwork = 'boot';

/** The switch as hil is told of it, and the port that a server's first NIC is in. */
interface Cabling {
	readonly type: string;
	readonly settings: string;
	portOf(server: string): string;
}

/** One in memory. */
const mocked = (servers: readonly string[]): Cabling => ({
	type: 'mock',
	settings: `{ hostname: ${demoSwitch}, username: hil, password: { file: secrets/hil-switch } }`,
	portOf: server => `gi1/0/${servers.indexOf(server) + 1}`,
});

const real = ({ database, portOf }: SwitchOfRack): Cabling => ({
	type: 'ovs',
	settings: JSON.stringify({
		...{ hostname: 'ovs-connected', isolated: 'ovs-isolated', database: `unix:${database}` },
		control: join(dirname(database), 'vswitchd.ctl'),
	}),
	portOf,
});

const startOf = (
	{ type, settings }: Cabling,
	hasBootNetwork: boolean,
): string => `# What 'bimetal up' registers at hil, with the servers of the rack as their BMCs describe them. It is yours to edit: a
# start adds servers that are missing here, and registers what is missing at hil. So does 'bimetal hil register FILE'.
switches:
  ${demoSwitch}:
    type: ${type}
    settings: ${settings}
users:
${demoProjects.map(project => `  ${project}-user: { password: secrets/hil-${project}-user }`).join('\n')}
projects:
${demoProjects.map(project => `  ${project}: { users: [${project}-user] }`).join('\n')}
${hasBootNetwork ? `networks:\n  ${bootNetwork}: { access: public }\n` : ''}`;

/**
 * Adds the servers to the rack file that it does not have, each with the first of its NICs in a port of its own, and
 * gives its path.
 */
export async function completeRackFile(options: {
	readonly folder: string;
	readonly servers: readonly string[];
	/** One in memory when absent. */
	readonly rackSwitch: SwitchOfRack | undefined;
	/** Where a server is managed. */
	readonly management: (server: string) => string;
	/** Undefined: it cannot be, and is left out. */
	readonly describe: (server: string) => Promise<ServerDescription | undefined>;
}): Promise<string> {
	const { folder, servers, rackSwitch } = options;
	const cabling = rackSwitch ? real(rackSwitch) : mocked(servers);
	const path = join(folder, 'rack.yaml');
	const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
		if (error.code === 'ENOENT') return undefined;
		throw error;
	});
	const document = parseDocument(text ?? startOf(cabling, rackSwitch !== undefined));
	// What is wrong with it, its reader tells with line and column.
	if (document.errors.length > 0) return path;
	const missing = servers.filter(name => !document.hasIn(['nodes', name]));
	if (!isMap(document.get('nodes'))) document.set('nodes', document.createNode({}));
	const described = await Promise.all(
		missing.map(async name => [name, await options.describe(name)] as const),
	);
	for (const [name, description] of described) {
		if (!description) continue;
		const { metadata, nics } = description;
		const port = { switch: demoSwitch, port: cabling.portOf(name) };
		document.setIn(
			['nodes', name],
			document.createNode({
				management: options.management(name),
				metadata,
				nics: Object.fromEntries(
					nics.map(({ name: nic, mac }, index) => [nic, { mac, ...(index === 0 && port) }]),
				),
			}),
		);
	}
	if (text === undefined || described.some(([, description]) => description))
		await writeFileDurably(path, document.toString(), 0o600);
	return path;
}
