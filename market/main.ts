import { createLogger } from '../common/log/logger.ts';
import { openMarket } from './open-market.ts';
import { readMarketSite } from './site.ts';

export { openMarket } from './open-market.ts';

/** `bimetal market -c market.yaml`: runs until SIGINT or SIGTERM. */
export async function main(options: { config: string }): Promise<void> {
	const site = readMarketSite(options.config);
	const logger = createLogger({ service: 'market', level: site.log.level });
	const running = await openMarket(site, { logger });
	logger.info({ url: running.url, ops: running.ops }, 'the market listens');
	await new Promise<void>(resolve => {
		for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
	});
	logger.info('what is under way is taken up at the next start');
	await running.close();
}
