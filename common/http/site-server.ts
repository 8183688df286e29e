import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';

/**
 * A server that does not listen yet: of HTTPS, where the site file names certificate and key (PEM files), else of HTTP.
 * @throws Error when a file does not hold what it should
 */
export function createSiteServer(
	tls: { readonly certificate: string; readonly key: string } | undefined,
	app: RequestListener,
): Server | TlsServer {
	if (!tls) return createServer(app);
	const [cert, key] = [readFileSync(tls.certificate, 'utf8'), readFileSync(tls.key, 'utf8')];
	return createTlsServer({ cert, key, minVersion: 'TLSv1.2' }, app);
}
