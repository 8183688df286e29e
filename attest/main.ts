import { createLogger } from '../common/log/logger.ts';
import { openAttest } from './open-attest.ts';
import { readAttestSite } from './site.ts';

export { openAttest } from './open-attest.ts';

/** `bimetal attest -c attest.yaml`: runs until SIGINT or SIGTERM. */
export async function main(options: { config: string }): Promise<void> {
	const site = readAttestSite(options.config);
	const logger = createLogger({ service: 'attest', level: site.log.level });
	const running = await openAttest(site, { logger });
	logger.info({ url: running.url, ops: running.ops }, 'attestation listens');
	await new Promise<void>(resolve => {
		for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
	});
	await running.close();
}
