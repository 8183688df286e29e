import type { BmcConnection } from '../forward/bmc-connection.ts';

/** Where a request that came in on the main port goes. */
export type Destination =
	/** The management API and what else is the proxy's own. */
	| { readonly kind: 'management' }
	/** A BMC; `url` is the target without the prefix. */
	| { readonly kind: 'bmc'; readonly bmc: BmcConnection; readonly prefix: string; readonly url: string }
	/** `/redfish` on the main port itself, where no BMC is named: log-in and log-out only. */
	| { readonly kind: 'no-bmc'; readonly url: string }
	| { readonly kind: 'unknown-bmc'; readonly name: string };

/**
 * Sorts a request of the main port by its Host (each BMC may have a name of its own) and by its path prefix.
 * Looks at the raw target only as far as the prefix: what is left goes to the canonicalise stage untouched.
 */
export function createRouter(
	bmcs: ReadonlyMap<string, BmcConnection>,
	hosts: ReadonlyMap<string, BmcConnection>,
): (host: string | undefined, url: string) => Destination {
	return (host, url) => {
		const named = host === undefined ? undefined : hosts.get(host.toLowerCase().replace(/:\d*$/, ''));
		if (named) return { kind: 'bmc', bmc: named, prefix: '', url };
		if (url.startsWith('/bmc/')) {
			const end = url.indexOf('/', 5);
			const name = end < 0 ? url.slice(5) : url.slice(5, end);
			const bmc = bmcs.get(name);
			if (!bmc) return { kind: 'unknown-bmc', name };
			return { kind: 'bmc', bmc, prefix: `/bmc/${name}`, url: end < 0 ? '/' : url.slice(end) };
		}
		if (url === '/p2c' || url.startsWith('/p2c/')) return { kind: 'management' };
		return { kind: 'no-bmc', url };
	};
}
