import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLogger } from '../../common/log/logger.ts';
import { startBmc } from '../../qemu/bmc/bmc.ts';
import { credentialFile, redfishPort } from './board-places.ts';

/** The board's Redfish service until SIGTERM, on its loopback alone: on a port that only root can open there. */
export async function runRedfish(folder: string): Promise<void> {
	const logger = createLogger({ service: 'redfish' });
	const bmc = await startBmc({
		name: 'bmc',
		host: '127.0.0.1',
		port: redfishPort,
		accounts: [
			{ name: 'root', password: readFileSync(credentialFile, 'utf8').trim(), role: 'Administrator' },
		],
		stateFile: join(folder, 'state.json'),
		logger,
	});
	logger.info({ url: bmc.url }, 'the Redfish service listens');
	await new Promise<void>(resolve => process.once('SIGTERM', () => resolve()));
	await bmc.close();
}
