import { openAttest } from '../../attest/open-attest.ts';
import { readAttestSite } from '../../attest/site.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { serve } from '../harness/serve.ts';

// Our verifier as `bimetal attest -c attest.yaml` runs it.
await serve(async ({ config }: { config: string }) => {
	const attest = await openAttest(readAttestSite(config), { logger: silentLogger });
	return { ready: { url: attest.url, ops: attest.ops }, close: () => attest.close() };
});
