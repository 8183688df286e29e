import { collection } from '../../redfish/json.ts';
import { resource } from '../../redfish/route-kinds.ts';
import type { Call, Route } from '../../redfish/route-table.ts';
import type { Device } from '../device.ts';
import { isSystem, SYSTEM } from './systems.ts';

const S = '/redfish/v1/Systems/{}/EthernetInterfaces';
const URI = `${SYSTEM}/EthernetInterfaces`;

/**
 * The host's own network interfaces, where its BMC knows of any. OpenBMC shows none; other vendors' BMCs do (DSP0268,
 * ComputerSystem.EthernetInterfaces), and inspection reads their MAC addresses.
 */
export function systemNetworkRoutes(device: Device): Route[] {
	const { nics } = device.host.hardware;
	if (nics.length === 0) return [];
	const ids = nics.map((_, index) => `nic${index}`);
	const find = (call: Call) => (isSystem(call) ? nics[ids.indexOf(call.params[1] ?? '')] : undefined);
	return [
		...resource(
			S,
			call =>
				isSystem(call)
					? collection(
							URI,
							'EthernetInterfaceCollection',
							'Ethernet Network Interface Collection',
							ids,
							'Collection of EthernetInterfaces for this System',
						)
					: undefined,
			{ type: 'ComputerSystem' },
		),
		...resource(
			`${S}/{}`,
			call => {
				const nic = find(call);
				const id = call.params[1] ?? '';
				return (
					nic && {
						'@odata.id': `${URI}/${id}`,
						'@odata.type': '#EthernetInterface.v1_9_0.EthernetInterface',
						Id: id,
						Name: 'Host Ethernet Interface',
						Description: `Network interface ${id} of the host`,
						MACAddress: nic.mac,
						PermanentMACAddress: nic.mac,
						InterfaceEnabled: true,
						LinkStatus: nic.hasCable && device.host.power.state().kind !== 'Off' ? 'LinkUp' : 'LinkDown',
						Status: { Health: 'OK', State: 'Enabled' },
					}
				);
			},
			{ type: 'EthernetInterface' },
		),
	];
}
