import type { LookupAddress, LookupOptions } from 'node:dns';
import { lookup as dnsLookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { provisionerErrors } from '../errors.ts';

/** IANA's registry of special-purpose IPv4 addresses, and multicast: none of them is a server of the Internet. */
const special = new BlockList();
for (const [network, prefix] of [
	['0.0.0.0', 8],
	['10.0.0.0', 8],
	['100.64.0.0', 10],
	['127.0.0.0', 8],
	['169.254.0.0', 16],
	['172.16.0.0', 12],
	['192.0.0.0', 24],
	['192.0.2.0', 24],
	['192.88.99.0', 24],
	['192.168.0.0', 16],
	['198.18.0.0', 15],
	['198.51.100.0', 24],
	['203.0.113.0', 24],
	['224.0.0.0', 3],
] as const)
	special.addSubnet(network, prefix, 'ipv4');
/** Within IPv6's global unicast: Teredo and other protocols' addresses, documentation, and 6to4, which holds IPv4 ones. */
for (const [network, prefix] of [
	['2001::', 23],
	['2001:db8::', 32],
	['2002::', 16],
	['3fff::', 20],
] as const)
	special.addSubnet(network, prefix, 'ipv6');
const globalUnicast = new BlockList();
globalUnicast.addSubnet('2000::', 3, 'ipv6');

/** True for an address that the Internet routes; what is not known to be one, is not. */
export function isPublicAddress(address: string): boolean {
	const family = isIP(address);
	if (family === 4) return !special.check(address, 'ipv4');
	// Mapped, translated, link-local, unique local and loopback addresses lie outside of global unicast.
	return family === 6 && globalUnicast.check(address, 'ipv6') && !special.check(address, 'ipv6');
}

type Resolve = (host: string, options: LookupOptions & { all: true }, tell: Tell) => void;
type Tell = (fault: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void;

const refused = (host: string) =>
	provisionerErrors.SourceRefused(
		`${host} is an address of this site's own networks. The site file can allow it: import.allowHosts.`,
	);

/** @throws SourceRefused for a host that is written as an address and is not public */
export function refuseOwnAddress(host: string): void {
	const bare = host.replace(/^\[(.*)\]$/, '$1');
	if (isIP(bare) !== 0 && !isPublicAddress(bare)) throw refused(host);
}

/**
 * Looks names up for connections to the Internet: what it gives is what is connected to, so a name cannot mean another
 * address when it counts. One address that is not public refuses the name.
 */
export const publicLookup =
	(resolve: Resolve = dnsLookup): LookupFunction =>
	(host, options, tell) => {
		resolve(host, { ...options, all: true }, (fault, addresses) => {
			const [first] = addresses ?? [];
			if (fault) return tell(fault, '', 0);
			if (!first || !addresses.every(({ address }) => isPublicAddress(address)))
				return tell(refused(host), '', 0);
			if (options.all) return tell(null, addresses);
			return tell(null, first.address, first.family);
		});
	};
