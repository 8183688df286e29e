import { z } from 'zod';
import type { PortState } from '../../core/actions.ts';
import { describeState, isSameState, type SwitchDriver, type SwitchType } from '../driver.ts';
import { type Https, httpsSettings } from '../transport/https.ts';
import { interfaces, membership, type PortView, viewPort } from './port-view.ts';
import { createRestconf } from './restconf.ts';

const settings = z.strictObject(httpsSettings);

const isPortName = (name: string): boolean => /^ethernet\d{1,2}\/\d{1,2}\/\d{1,3}(:\d{1,2})?$/.test(name);
/** All interfaces of a switch, with its VLANs, come in one answer. */
const largestAnswer = 32 * 1024 * 1024;
const root = '/ietf-interfaces:interfaces';
const nothing: PortState = { native: null, tagged: [] };

/**
 * Dell switches with (SmartFabric) OS10, by RESTCONF. Without `nativeless-trunk-mode`: what becomes of the untagged
 * packets of a trunk that is taken out of its access VLAN is not documented.
 */
export function createDellOs10(https: Https): SwitchType {
	return {
		type: 'http://schema.massopencloud.org/haas/v0/switches/dellos10',
		capabilities: [],
		settings,
		secrets: ['password'],
		isPortName,
		portNames: 'ethernet1/1/12, ethernet1/1/25:1 and the like',
		open: given => openDellOs10(https, settings.parse(given)),
	};
}

function openDellOs10(https: Https, account: z.output<typeof settings>): SwitchDriver {
	const device = https.open({ ...account, largestAnswer });
	const restconf = createRestconf(device);

	async function view(port: string, signal: AbortSignal): Promise<PortView> {
		const all = interfaces.safeParse(await restconf.get(`${root}/interface?content=config`, signal));
		if (!all.success) throw device.nonsense('it is no list of interfaces');
		const found = viewPort(all.data, port);
		if (!found) throw device.refusal(port, 'the switch has no such port');
		return found;
	}
	function assertOurs(port: string, { oddity }: PortView): void {
		if (oddity !== null) throw device.refusal(port, oddity);
	}
	/** Each is merged into what there is: a VLAN that is not there is made. */
	const merge = (entries: readonly object[], signal: AbortSignal) =>
		restconf.patch(root, { 'ietf-interfaces:interfaces': { interface: entries } }, signal);
	const setEnabled = (port: string, enabled: boolean, signal: AbortSignal) =>
		merge([{ name: port, type: 'iana-if-type:ethernetCsmacd', enabled }], signal);
	/** Shuts a port and sees that it is. */
	async function shut(port: string, signal: AbortSignal): Promise<void> {
		await setEnabled(port, false, signal);
		if ((await view(port, signal)).enabled) {
			throw device.refusal(port, 'the switch says that it is disabled, and it is not');
		}
	}
	const joining = (port: string, list: 'untagged' | 'tagged', vlan: number, { vlans }: PortView) => ({
		name: `vlan${vlan}`,
		type: 'iana-if-type:l2vlan',
		...(!vlans.has(vlan) && { enabled: true }),
		[`dell-interface:${list}-ports`]: [port],
	});
	const leave = (port: string, list: 'untagged' | 'tagged', vlan: number, signal: AbortSignal) =>
		restconf.delete(
			`${root}/interface=vlan${vlan}/dell-interface:${list}-ports=${encodeURIComponent(port)}`,
			signal,
		);

	async function clear(port: string, found: PortView, signal: AbortSignal): Promise<void> {
		if (found.enabled) await shut(port, signal);
		// Nothing passes any more. The rest is for whoever enables the port by hand.
		if (found.oddity !== null) return;
		for (const vlan of found.tagged) await leave(port, 'tagged', vlan, signal);
		if (found.untagged !== null && found.untagged !== 1)
			await leave(port, 'untagged', found.untagged, signal);
	}

	return {
		async readPort(port, signal) {
			const found = await view(port, signal);
			if (!found.enabled) return nothing;
			assertOurs(port, found);
			return membership(found);
		},
		async setPort(port, wanted, signal) {
			const found = await view(port, signal);
			const { native, tagged } = wanted;
			if (native === null) {
				if (tagged.length === 0) return clear(port, found, signal);
				throw device.refusal(port, 'tagged networks need a native one on switches with OS10');
			}
			assertOurs(port, found);
			const isShut = !found.enabled || !found.isTrunk;
			if (!found.isTrunk) {
				if (found.enabled) await shut(port, signal);
				await merge([{ name: port, 'dell-interface:mode': 'MODE_L2HYBRID' }], signal);
			}
			// What goes, first. The untagged VLAN is left for the other one in one step, and may then come tagged.
			for (const vlan of found.tagged) {
				if (!tagged.includes(vlan)) await leave(port, 'tagged', vlan, signal);
			}
			if (found.untagged !== native) await merge([joining(port, 'untagged', native, found)], signal);
			const missing = tagged.filter(vlan => !found.tagged.includes(vlan));
			if (missing.length > 0) {
				await merge(
					missing.map(vlan => joining(port, 'tagged', vlan, found)),
					signal,
				);
			}
			if (!isShut) return;
			const before = membership(await view(port, signal));
			if (!isSameState(before, wanted)) {
				throw device.refusal(port, `it would carry ${describeState(before)}, and stays shut`);
			}
			await setEnabled(port, true, signal);
		},
		save: signal =>
			restconf.operate(
				'copy-config',
				{ 'yuma-netconf:input': { target: { startup: [null] }, source: { running: [null] } } },
				signal,
			),
		close: () => device.close(),
	};
}
