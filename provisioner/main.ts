import { createLogger } from '../common/log/logger.ts';
import { openProvisioner } from './open-provisioner.ts';
import { readProvisionerSite } from './site.ts';

export { openProvisioner, type RunningProvisioner } from './open-provisioner.ts';

/** `bimetal provisioner -c provisioner.yaml`: runs until SIGINT or SIGTERM. */
export async function main(options: { config: string }): Promise<void> {
	const site = readProvisionerSite(options.config);
	const logger = createLogger({ service: 'provisioner', level: site.log.level });
	const running = await openProvisioner(site, { logger });
	logger.info({ url: running.url, ops: running.ops }, 'the provisioner listens');
	await new Promise<void>(resolve => {
		for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
	});
	logger.info('what is under way is taken up at the next start');
	await running.close();
}
