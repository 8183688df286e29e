import { type XmlElement, xml } from '../../netconf/xml.ts';
import type { Forwarding } from './switching.fixture.ts';

/** The reply of `show ethernet-switching interface` on a switch with ELS: a row for the port, then one for each VLAN. */
export function interfaceInformation(
	forwarding: ReadonlyMap<string, Forwarding>,
	asked: string | undefined,
): XmlElement {
	const ports = [...forwarding].filter(([port]) => asked === undefined || `${port}.0` === asked);
	const entries = ports.map(([port, { isTrunk, isDown, vlans }]) =>
		entry([
			xml('l2iff-interface-lr-name'),
			xml('l2iff-interface-rtt-name', 'default-switch'),
			entry([
				xml('l2iff-interface-name', `${port}.0`),
				xml('l2iff-interface-vlan-name'),
				xml('l2iff-interface-mac-limit', '65535'),
				xml('l2iff-interface-vlan-member-stp-state'),
				xml('l2iff-interface-flags', isDown ? 'DN' : ''),
				xml('l2iff-interface-vlan-member-tagness', isTrunk ? 'tagged' : 'untagged'),
			]),
			...[...vlans].map(([id, { name, isTagged }]) =>
				entry([
					xml('l2iff-interface-name'),
					xml('l2iff-interface-vlan-name', name),
					xml('l2iff-interface-vlan-id', String(id)),
					xml('l2iff-interface-vlan-member-tagness', isTagged ? 'tagged' : 'untagged'),
					xml('l2iff-interface-mac-limit', '65535'),
					xml('l2iff-interface-vlan-member-stp-state', isDown ? 'Discarding' : 'Forwarding'),
					xml('l2iff-interface-flags'),
				]),
			),
		]),
	);
	return xml('l2ng-l2ald-iff-interface-information', entries, {
		xmlns: 'http://xml.juniper.net/junos/21.4R0/junos-l2al',
	});
}

const entry = (inside: XmlElement[]): XmlElement =>
	xml('l2ng-l2ald-iff-interface-entry', inside, { 'junos:style': 'brief' });
