import { createServer } from 'node:net';

/** Whether this port of the address can be listened on now. */
function isFree(host: string, port: number): Promise<boolean> {
	return new Promise(resolve => {
		const probe = createServer();
		probe.once('error', () => resolve(false));
		probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(true)));
	});
}

/** The port when it can be had, else 0: a free one. */
export const freeOr = async (host: string, port: number): Promise<number> =>
	port > 0 && (await isFree(host, port)) ? port : 0;

/**
 * Ports that are easy to remember: the main one, then one for each BMC after it. Any of the latter that is
 * taken becomes 0 (a free one); so do all when the main one is 0.
 */
export async function choosePorts(
	host: string,
	main: number,
	names: readonly string[],
): Promise<Record<string, number>> {
	const ports: Record<string, number> = {};
	for (const [index, name] of names.entries()) {
		const wished = main === 0 ? 0 : main + 1 + index;
		ports[name] = await freeOr(host, wished <= 65535 ? wished : 0);
	}
	return ports;
}

/** The same from this machine: an address that stands for all of them is none that a certificate names. */
export function reachable(url: string): string {
	const { hostname, port } = new URL(url);
	return ['0.0.0.0', '[::]'].includes(hostname) ? `https://127.0.0.1:${port}` : url;
}
