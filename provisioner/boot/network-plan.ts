import { type Ipv4Interface, type Ipv4Range, ipv4Interface, ipv4Number } from '../../common/network/ipv4.ts';

/** What a site says of a provisioning network. */
export interface NetworkSettings {
	/** hil's name of it. */
	readonly network: string;
	/** A device of this machine that is on the nodes' VLAN. */
	readonly interface: string;
	/** The provisioner's own address there: `10.64.0.1/24`. */
	readonly address: string;
	/** What nodes are given: `10.64.0.10-10.64.0.250`; all others of the network when absent. */
	readonly range?: string | undefined;
	/** `address:port` where nodes find their disks; the provisioner's own address and port 3260 when absent. */
	readonly portals?: readonly string[] | undefined;
}

export interface NetworkPlan {
	readonly name: string;
	readonly device: string;
	readonly own: Ipv4Interface;
	readonly host: string;
	readonly range: Ipv4Range;
	readonly portals: readonly string[];
	/** Addresses of ours there, the own one first. */
	readonly addresses: readonly string[];
}

/** Throws an Error that says what does not fit. */
export function planNetwork(settings: NetworkSettings): NetworkPlan {
	const own = ipv4Interface(settings.address);
	if (!own) throw new Error(`address: expected for instance 10.64.0.1/24, not ${settings.address}`);
	const [host = ''] = settings.address.split('/');
	const inside = (text: string): number => {
		const address = ipv4Number(text);
		if (address === undefined || address <= own.network.first || address >= own.network.last) {
			throw new Error(`${text} is no address of a machine in ${settings.address}`);
		}
		return address;
	};
	const portals = settings.portals ?? [`${host}:3260`];
	const addresses = new Set([host]);
	for (const portal of portals) {
		const [, address = '', port] = /^([\d.]+):(\d{1,5})$/.exec(portal) ?? [];
		inside(address);
		if (!(Number(port) >= 1 && Number(port) <= 65535)) throw new Error(`${portal}: expected ADDRESS:PORT`);
		addresses.add(address);
	}
	const [from, to = ''] = settings.range?.split('-') ?? [];
	const range: Ipv4Range =
		from === undefined
			? { first: own.network.first + 1, last: own.network.last - 1 }
			: { first: inside(from), last: inside(to) };
	if (range.first > range.last) throw new Error(`range: ${settings.range} ends before it begins`);
	return {
		name: settings.network,
		device: settings.interface,
		own,
		host,
		range,
		portals,
		addresses: [...addresses],
	};
}
