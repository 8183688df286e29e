import { createLogger } from '../common/log/logger.ts';
import { openHil } from './open-hil.ts';
import { readHilSite } from './site.ts';

export { openHil, type RunningHil } from './open-hil.ts';

/** `bimetal hil -c hil.yaml`: runs until SIGINT or SIGTERM. */
export async function main(options: { config: string }): Promise<void> {
	const site = readHilSite(options.config);
	const logger = createLogger({ service: 'hil', level: site.log.level });
	const running = await openHil(site, { logger });
	logger.info({ url: running.url, ops: running.ops }, 'hil listens');
	await new Promise<void>(resolve => {
		for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
	});
	logger.info('what is under way is finished; what is pending is taken up at the next start');
	await running.close();
}
