import { type LookupAddress, type LookupOptions, lookup as systemLookup } from 'node:dns';
import { BlockList, isIP } from 'node:net';
import { eventErrors } from './errors.ts';

/** One line of what the site file lets a party have events pushed to. */
export interface AllowedDestination {
	/** Host name, or `*.example` for all below it; any when absent. */
	readonly host?: string | undefined;
	/** Networks (CIDR) to which its address must belong; when absent, any address that is public. */
	readonly networks?: readonly string[] | undefined;
	readonly ports: readonly number[];
	/** `https` with a valid certificate, `unverified` with any, or plain `http`. */
	readonly security: 'https' | 'unverified' | 'http';
	/** PEM of the receiver's authority, where the system does not know it. */
	readonly ca?: string | undefined;
}

type Lookup = (
	host: string,
	options: LookupOptions,
	done: (fault: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void,
) => void;

/** How a destination that is allowed may be connected to. */
export interface Permit {
	/** Resolves to addresses that are allowed, and fails when there is none: names can change after they were checked. */
	readonly lookup: Lookup;
	readonly verify: boolean;
	readonly ca: string | undefined;
}

/** What no subscription goes to unless a network of the site file names it: IANA's special-purpose addresses. */
const special = [
	...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
	...['192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24'],
	...['203.0.113.0/24', '224.0.0.0/3', '::/3', 'fc00::/7', 'fe80::/10', 'fec0::/10', 'ff00::/8', '2001::/23'],
	...['2001:db8::/32', '2002::/16', '3fff::/20'],
];

/** CIDR networks as a test of addresses. Throws a RangeError on what is none. */
export function networkTest(networks: readonly string[]): (address: string) => boolean {
	// One list for each family: in one, ::/3 would hold every IPv4 address as well.
	const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
	for (const network of networks) {
		const [base = '', bits = ''] = network.split('/');
		const family = isIP(base);
		if (family === 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128)) {
			throw new RangeError(`${network} is no network: write 10.1.0.0/16 or 2001:db8::/32`);
		}
		const kind = family === 4 ? 'ipv4' : 'ipv6';
		lists[kind].addSubnet(base, Number(bits), kind);
	}
	return address => {
		// An IPv4 address in IPv6's clothes is the IPv4 address.
		const plain = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
		const family = isIP(plain);
		const kind = family === 4 ? 'ipv4' : 'ipv6';
		return family !== 0 && lists[kind].check(plain, kind);
	};
}

const isSpecial = networkTest(special);

export interface DestinationGuard {
	/** Throws DestinationNotAllowed, with what the site file would have to say. */
	permit(party: string, destination: string): Permit;
}

/** Keeps subscriptions from making the proxy a client of whatever it can reach (bypasses: BMC-side SSRF). */
export function createDestinationGuard(
	allowed: Readonly<Record<string, readonly AllowedDestination[]>>,
	lookup: Lookup = systemLookup as Lookup,
): DestinationGuard {
	const lines = new Map(
		Object.entries(allowed).map(([party, list]) => [
			party,
			list.map(line => ({
				...line,
				isInside: line.networks ? networkTest(line.networks) : (address: string) => !isSpecial(address),
			})),
		]),
	);
	return {
		permit(party, destination) {
			const url = new URL(destination);
			const host = url.hostname.replace(/^\[|\]$/g, '');
			const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
			const fitting = (lines.get(party) ?? []).filter(
				line =>
					isHost(line.host, host) &&
					line.ports.includes(port) &&
					(url.protocol === 'https:' || line.security === 'http') &&
					(isIP(host) === 0 || line.isInside(host)),
			);
			const [line] = fitting;
			if (!line) {
				const where =
					isIP(host) === 0 ? `host: ${host}` : `networks: ['${host}/${isIP(host) === 4 ? 32 : 128}']`;
				const more = `${url.protocol === 'http:' ? ', security: http' : ''}${[443].includes(port) ? '' : `, ports: [${port}]`}`;
				throw eventErrors.DestinationNotAllowed(
					`the site file does not let ${party} have events pushed to ${url.origin}: it would need {${where}${more}} under eventService.destinations.${party}, and networks where the address is not public`,
				);
			}
			return {
				verify: line.security === 'https' || (line.security === 'http' && url.protocol === 'https:'),
				ca: line.ca,
				lookup(name, options, done) {
					lookup(name, { ...options, all: true }, (fault, found) => {
						if (fault) return done(fault, []);
						const inside = (found as LookupAddress[]).filter(({ address }) => line.isInside(address));
						const [first] = inside;
						if (!first) return done(new Error('its address is not one that the site file allows'), []);
						if (options.all) done(null, inside);
						else done(null, first.address, first.family);
					});
				},
			};
		},
	};
}

function isHost(pattern: string | undefined, host: string): boolean {
	if (pattern === undefined) return true;
	const [name, wanted] = [host.toLowerCase().replace(/\.$/, ''), pattern.toLowerCase()];
	return wanted.startsWith('*.')
		? name.endsWith(wanted.slice(1)) && name.length > wanted.length - 1
		: name === wanted;
}
