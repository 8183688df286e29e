import { collection, type JsonObject, link } from '../../redfish/json.ts';
import { done, notFound } from '../../redfish/outcome.ts';
import { CONFIGURE_MANAGER } from '../../redfish/privileges.ts';
import { flag, listOf, matching, object, type Shape, text, wholeNumber } from '../../redfish/request-body.ts';
import { act, resource } from '../../redfish/route-kinds.ts';
import type { Call, Route } from '../../redfish/route-table.ts';
import { type Device, setting, withSettings } from '../device.ts';
import { isManager, MANAGER } from './managers.ts';
import { changeMember } from './system-parts.ts';

const M = '/redfish/v1/Managers/{}';
const PROTOCOL = `${MANAGER}/NetworkProtocol`;
const ETHERNET = `${MANAGER}/EthernetInterfaces`;
const HOST_NAME = matching(/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})$/);

const PROTOCOLS: Shape = {
	HostName: HOST_NAME,
	NTP: { ProtocolEnabled: flag, NTPServers: listOf(text) },
	IPMI: { ProtocolEnabled: flag },
	SSH: { ProtocolEnabled: flag },
};
const INTERFACE: Shape = {
	HostName: HOST_NAME,
	FQDN: text,
	InterfaceEnabled: flag,
	MACAddress: matching(/^(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$/),
	MTUSize: wholeNumber(68, 9216),
	DHCPv4: { DHCPEnabled: flag, UseDNSServers: flag, UseDomainName: flag, UseNTPServers: flag },
	DHCPv6: { OperatingMode: text, UseDNSServers: flag, UseDomainName: flag, UseNTPServers: flag },
	IPv4StaticAddresses: listOf(object),
	IPv6StaticAddresses: listOf(object),
	IPv6StaticDefaultGateways: listOf(object),
	StaticNameServers: listOf(text),
	StatelessAddressAutoConfig: { IPv6AutoConfigEnabled: flag },
};

export function managerNetworkRoutes(device: Device): Route[] {
	const isEth0 = (call: Call) => isManager(call) && call.params[1] === 'eth0';
	return [
		...resource(`${M}/NetworkProtocol`, call => (isManager(call) ? networkProtocol(device) : undefined), {
			schema: ['ManagerNetworkProtocol', 'ManagerNetworkProtocol/NetworkProtocol.json'],
			type: 'Manager',
		}),
		changeMember(
			device,
			`${M}/NetworkProtocol`,
			CONFIGURE_MANAGER,
			PROTOCOLS,
			call => (isManager(call) ? PROTOCOL : undefined),
			{ type: 'Manager', schema: 'ManagerNetworkProtocol' },
		),
		...resource(
			`${M}/EthernetInterfaces`,
			call =>
				isManager(call)
					? collection(
							ETHERNET,
							'EthernetInterfaceCollection',
							'Ethernet Network Interface Collection',
							['eth0'],
							'Collection of EthernetInterfaces for this Manager',
						)
					: undefined,
			{ type: 'Manager' },
		),
		// VLAN interfaces are made here; the emulated network has none to show, so a good request is all it takes.
		act('POST', `${M}/EthernetInterfaces`, CONFIGURE_MANAGER, call => {
			if (!isManager(call)) return notFound('Manager', call.params[0] ?? '');
			const read = call.values(
				{
					VLAN: { VLANId: wholeNumber(1, 4094), VLANEnable: flag },
					Links: { RelatedInterfaces: listOf(object) },
				},
				['VLAN/VLANId'],
			);
			return read.ok ? { status: 201 } : read.outcome;
		}),
		...resource(`${M}/EthernetInterfaces/{}`, call => (isEth0(call) ? ethernet(device) : undefined), {
			type: 'EthernetInterface',
		}),
		changeMember(
			device,
			`${M}/EthernetInterfaces/{}`,
			CONFIGURE_MANAGER,
			INTERFACE,
			call => (isEth0(call) ? `${ETHERNET}/eth0` : undefined),
			{ type: 'EthernetInterface' },
		),
		act('DELETE', `${M}/EthernetInterfaces/{}`, CONFIGURE_MANAGER, call => {
			if (!isEth0(call)) return notFound('EthernetInterface', call.params[1] ?? '');
			// A physical interface stays; upstream drops its addresses.
			device.state.settings[`${ETHERNET}/eth0`] = { IPv4Addresses: [], IPv4StaticAddresses: [] };
			return done();
		}),
	];
}

function hostName(device: Device): string {
	return String(setting(device, PROTOCOL, 'HostName') ?? device.name);
}

function networkProtocol(device: Device): JsonObject {
	return withSettings(device, {
		'@odata.id': PROTOCOL,
		'@odata.type': '#ManagerNetworkProtocol.v1_9_0.ManagerNetworkProtocol',
		Id: 'NetworkProtocol',
		Name: 'Manager Network Protocol',
		Description: 'Manager Network Service',
		HostName: device.name,
		FQDN: hostName(device),
		HTTP: { Port: null, ProtocolEnabled: false },
		HTTPS: {
			Certificates: link(`${PROTOCOL}/HTTPS/Certificates`),
			Port: 443,
			ProtocolEnabled: true,
		},
		IPMI: { Port: null, ProtocolEnabled: false },
		NTP: { NTPServers: [], NetworkSuppliedServers: [], ProtocolEnabled: true },
		SSH: { Port: 22, ProtocolEnabled: true },
		Status: { Health: 'OK', HealthRollup: 'OK', State: 'Enabled' },
	});
}

function ethernet(device: Device): JsonObject {
	const uri = `${ETHERNET}/eth0`;
	const address = {
		Address: '192.0.2.10',
		AddressOrigin: 'Static',
		Gateway: '192.0.2.1',
		SubnetMask: '255.255.255.0',
	};
	const supplied = { UseDNSServers: true, UseDomainName: true, UseNTPServers: true };
	return withSettings(device, {
		'@odata.id': uri,
		'@odata.type': '#EthernetInterface.v1_9_0.EthernetInterface',
		Id: 'eth0',
		Name: 'Manager Ethernet Interface',
		Description: 'Management Network Interface',
		EthernetInterfaceType: 'Physical',
		HostName: hostName(device),
		FQDN: hostName(device),
		MACAddress: device.identity.mac,
		InterfaceEnabled: true,
		LinkStatus: 'LinkUp',
		SpeedMbps: 1000,
		FullDuplex: true,
		MTUSize: 1500,
		DHCPv4: { DHCPEnabled: false, ...supplied },
		DHCPv6: { OperatingMode: 'Disabled', ...supplied },
		IPv4Addresses: [address],
		IPv4StaticAddresses: [address],
		IPv6AddressPolicyTable: [],
		IPv6Addresses: [],
		IPv6DefaultGateway: '0:0:0:0:0:0:0:0',
		IPv6StaticAddresses: [],
		IPv6StaticDefaultGateways: [],
		NameServers: ['192.0.2.53'],
		StaticNameServers: [],
		StatelessAddressAutoConfig: { IPv6AutoConfigEnabled: false },
		Status: { State: 'Enabled' },
	});
}
