import { readFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { stringify } from 'yaml';
import { writeFileDurably } from '../../common/store/durable-file.ts';
import { addressFile, boardPorts, credentialFile, redfishPort } from './board-places.ts';

/**
 * Writes the proxy's site file on the board, beside the files of the site that it names, and returns its path. The
 * limits are a small machine's: some operators, not hundreds of programs.
 */
export async function writeSiteFile(folder: string): Promise<string> {
	const host = (await readFile(addressFile, 'utf8')).trim();
	if (!isIPv4(host)) throw new Error(`${addressFile} holds no address`);
	const content = {
		site: 'board',
		store: { engine: 'lowdb', file: 'state/proxy.json' },
		audit: { folder: 'state/audit' },
		listen: { host, port: boardPorts.proxy },
		ops: { host: '127.0.0.1', port: 9100 },
		tls: { certificate: 'proxy.chain.pem', key: 'proxy.key.pem' },
		parties: {
			HSO: { description: 'Hosting site operator', root: 'HSO.crt.pem' },
			CP: { description: 'Cloud provider', root: 'CP.crt.pem' },
		},
		operators: 'operators.yaml',
		policies: 'policies',
		bmcs: {
			bmc: {
				url: `http://127.0.0.1:${redfishPort}`,
				username: 'root',
				password: credentialFile,
				listen: { host, port: boardPorts.redfish },
			},
		},
		external: {
			Servers: {
				from: 'redfish',
				path: '/redfish/v1/Systems/system',
				fields: {
					Name: { target: true },
					State: { path: '$.PowerState', values: { On: 'Up' }, otherwise: 'Down' },
				},
				whenUnreachable: { State: 'Down' },
				maxAge: '5s',
			},
			// A board has no PDU to ask: what its server draws is what its own sensor says.
			PDU: {
				from: 'redfish',
				path: '/redfish/v1/Chassis/chassis/Sensors/power_total_power',
				under: 'Outlets',
				fields: { Id: { target: true }, Power: { path: '$.Reading', type: 'number', unit: 'W' } },
				maxAge: '5s',
			},
		},
		limits: {
			answer: '4MiB',
			bmcConnections: 4,
			bmcQueue: 50,
			connections: 100,
			connectionsPerAddress: 100,
			unread: '4MiB',
			upload: '8MiB',
			uploads: '16MiB',
			diskFree: '4MiB',
		},
	};
	const file = `${folder}/site.yaml`;
	await writeFileDurably(file, `# Written at each start of the proxy.\n${stringify(content)}`, 0o600);
	return file;
}
