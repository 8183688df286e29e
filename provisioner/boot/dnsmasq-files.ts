import { ipv4Text } from '../../common/network/ipv4.ts';
import type { BootEntry } from './boot-network.ts';
import type { NetworkPlan } from './network-plan.ts';
import { segmentDevice } from './segment.ts';

/** A NIC that is answered. */
export interface DhcpHost {
	readonly mac: string;
	readonly address: string;
	/** Where its iPXE gets its script, and its operating system its configuration. */
	readonly scriptUrl: string;
	readonly seedUrl: string;
	/** See BootEntry. */
	readonly paths: BootEntry['paths'];
}

export interface DnsmasqPaths {
	readonly hosts: string;
	readonly options: string;
	readonly leases: string;
}

/** The DHCP option that a node's operating system finds the address of its NoCloud seed in (RFC 3942: private use). */
const seedOption = 224;
/** And the one that tells it its other ways to its disk: `MAC=ADDRESS:PORT`, with spaces between. At most 6 fit. */
const pathsOption = 225;

/** dnsmasq(8)'s configuration: DHCP for those NICs alone that stand in the file of hosts, and no DNS. */
export function dnsmasqConfiguration(
	plan: NetworkPlan,
	paths: DnsmasqPaths,
	options: {
		readonly tftpRoot: string | undefined;
		readonly macs: readonly string[];
	},
): string {
	return [
		'port=0',
		`interface=${segmentDevice}`,
		'bind-interfaces',
		'no-resolv',
		'no-hosts',
		'dhcp-authoritative',
		`dhcp-range=${ipv4Text(plan.own.network.first)},static,1h`,
		'dhcp-ignore=tag:!known',
		// Not `set:` in the file of hosts: dnsmasq 2.90 crashes in reading that again once such a host has an address.
		...options.macs.map(mac => `dhcp-mac=set:${tagOf(mac)},${mac}`),
		`dhcp-hostsfile=${paths.hosts}`,
		`dhcp-optsfile=${paths.options}`,
		`dhcp-leasefile=${paths.leases}`,
		// It leads nowhere else.
		'dhcp-option=option:router',
		'dhcp-option=option:dns-server',
		// A router of IPv6 without addresses of it: until it hears one, iPXE waits for 18 seconds.
		'enable-ra',
		'dhcp-range=fd78::,ra-only',
		'dhcp-userclass=set:ipxe,iPXE',
		// no-pxedhcp: without it iPXE waits for another offer (ProxyDHCP), with its other waits for three seconds.
		'dhcp-option=tag:ipxe,encap:175,176,1b',
		'dhcp-match=set:efi,option:client-arch,7',
		'dhcp-match=set:efi,option:client-arch,9',
		...(options.tftpRoot === undefined
			? []
			: [
					'enable-tftp',
					`tftp-root=${options.tftpRoot}`,
					'dhcp-boot=tag:!ipxe,tag:efi,snponly.efi',
					'dhcp-boot=tag:!ipxe,tag:!efi,undionly.kpxe',
				]),
		'',
	].join('\n');
}

/** No names: by a name, too, dnsmasq takes one for another. */
export const hostLines = (hosts: readonly DhcpHost[]): string =>
	hosts
		.map(
			({ mac, address }) => `${mac},${address}
`,
		)
		.join('');

export const optionLines = (hosts: readonly DhcpHost[]): string =>
	hosts
		.map(
			({ mac, scriptUrl, seedUrl, paths }) =>
				`tag:${tagOf(mac)},tag:ipxe,option:bootfile-name,${scriptUrl}\ntag:${tagOf(mac)},tag:!ipxe,${seedOption},${seedUrl}\n${pathsLine(mac, paths)}`,
		)
		.join('');

const pathsLine = (mac: string, paths: DhcpHost['paths']): string =>
	paths.length === 0
		? ''
		: `tag:${tagOf(mac)},tag:!ipxe,${pathsOption},${paths.map(each => `${each.mac}=${each.portal}`).join(' ')}\n`;

const tagOf = (mac: string): string => `n${mac.replaceAll(':', '')}`;

/** Which NIC was given an address, when that is what dnsmasq says. */
export const acknowledged = (line: string): string | undefined =>
	/\bDHCPACK\(\S+\) \S+ ([0-9a-f]{2}(?::[0-9a-f]{2}){5})/.exec(line)?.[1];
