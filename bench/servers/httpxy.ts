import https from 'node:https';
import { createProxyServer } from 'http-proxy';
import { listen, type ReverseProxyOptions } from '../harness/reverse-proxy.ts';
import { serve } from '../harness/serve.ts';

// httpxy, which this package installs under the name http-proxy.
await serve(async ({ target, connections, ca, key, cert }: ReverseProxyOptions) => {
	const agent = new https.Agent({ keepAlive: true, maxSockets: connections, ca });
	const proxy = createProxyServer({ target, agent, secure: true });
	const server = https.createServer({ key, cert }, (request, response) => {
		proxy.web(request, response).catch(() => response.writeHead(502).end());
	});
	return listen(server, () => agent.destroy());
});
