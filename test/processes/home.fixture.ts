// A proxy with workers in a process of its own, to be killed: prints its ports and its workers' process ids.
import { startTestProxy } from '../proxy/start-proxy.ts';

const site = await startTestProxy({ workers: 2 });
process.stdout.write(
	`${JSON.stringify({ workers: site.proxy.workers(), bmcs: site.bmcUrls, ca: site.ca, folder: site.folder })}\n`,
);
