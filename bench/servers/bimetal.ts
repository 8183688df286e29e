import { silentLogger } from '../../common/log/logger.ts';
import { startProxy } from '../../proxy/main.ts';
import { readSite } from '../../proxy/site.ts';
import { serve } from '../harness/serve.ts';

// Our proxy as `bimetal proxy -c site.yaml` runs it: store, audit and policies from disk.
await serve(async ({ config }: { config: string }) => {
	const proxy = await startProxy(readSite(config), { logger: silentLogger });
	return { ready: { url: proxy.url, ops: proxy.ops, bmcs: proxy.bmcs }, close: () => proxy.close() };
});
