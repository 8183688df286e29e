import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isMap, parseDocument } from 'yaml';
import { writeFileDurably } from '../../common/store/durable-file.ts';
import type { ServerDescription } from '../rack/describe-server.ts';

/** The one switch, and the projects that there are to begin with; each has one user. */
export const demoSwitch = 'tor';
export const demoProjects = ['red', 'blue'] as const;

const start = `# What 'bimetal up' registers at hil, with the servers of the rack as their BMCs describe them. It is yours to edit: a
# start adds servers that are missing here, and registers what is missing at hil. So does 'bimetal hil register FILE'.
switches:
  ${demoSwitch}:
    type: mock
    settings: { hostname: ${demoSwitch}, username: hil, password: { file: secrets/hil-switch } }
users:
${demoProjects.map(project => `  ${project}-user: { password: secrets/hil-${project}-user }`).join('\n')}
projects:
${demoProjects.map(project => `  ${project}: { users: [${project}-user] }`).join('\n')}
`;

/**
 * Adds the servers to the rack file that it does not have, each with the first of its NICs in a port of its own, and
 * gives its path.
 */
export async function completeRackFile(options: {
	readonly folder: string;
	readonly servers: readonly string[];
	/** Where a server is managed. */
	readonly management: (server: string) => string;
	/** Undefined: it cannot be, and is left out. */
	readonly describe: (server: string) => Promise<ServerDescription | undefined>;
}): Promise<string> {
	const { folder, servers } = options;
	const path = join(folder, 'rack.yaml');
	const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
		if (error.code === 'ENOENT') return undefined;
		throw error;
	});
	const document = parseDocument(text ?? start);
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
		const port = { switch: demoSwitch, port: `gi1/0/${servers.indexOf(name) + 1}` };
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
