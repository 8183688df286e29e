import https from 'node:https';
import legacy from 'http-proxy-legacy';
import { listen, type ReverseProxyOptions } from '../harness/reverse-proxy.ts';
import { serve } from '../harness/serve.ts';

// http-proxy 1.18.1 as it is used best: with an agent that keeps the connections to the BMC.
await serve(async ({ target, connections, ca, key, cert }: ReverseProxyOptions) => {
	const agent = new https.Agent({ keepAlive: true, maxSockets: connections, ca });
	const proxy = legacy.createProxyServer({ target, agent, secure: true });
	proxy.on('error', (_error, _request, response) => {
		if ('writeHead' in response) response.writeHead(502).end();
	});
	const server = https.createServer({ key, cert }, (request, response) => proxy.web(request, response));
	return listen(server, () => agent.destroy());
});
