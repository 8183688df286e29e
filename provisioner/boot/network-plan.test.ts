import test from 'ava';
import { ipv4Text } from '../../common/network/ipv4.ts';
import { planNetwork } from './network-plan.ts';

const settings = { network: 'boot', interface: 'eno2', address: '10.64.0.1/24' };

test('without more, nodes have all other addresses, and disks are behind the own one', t => {
	const { range, portals, addresses } = planNetwork(settings);
	t.deepEqual([ipv4Text(range.first), ipv4Text(range.last)], ['10.64.0.1', '10.64.0.254']);
	t.deepEqual(portals, ['10.64.0.1:3260']);
	t.deepEqual(addresses, ['10.64.0.1']);
});

test('other portals bring their addresses along', t => {
	const { addresses } = planNetwork({ ...settings, portals: ['10.64.0.1:3260', '10.64.0.2:3261'] });
	t.deepEqual(addresses, ['10.64.0.1', '10.64.0.2']);
});

test('what lies outside, or backwards, is refused', t => {
	for (const more of [
		{ address: '10.64.0.1' },
		{ range: '10.64.0.20-10.64.0.10' },
		{ range: '10.64.0.20' },
		{ range: '10.64.1.20-10.64.1.30' },
		{ range: '10.64.0.20-10.64.0.255' },
		{ portals: ['10.65.0.1:3260'] },
		{ portals: ['10.64.0.1'] },
		{ portals: ['10.64.0.1:0'] },
	]) {
		t.throws(() => planNetwork({ ...settings, ...more }), undefined, JSON.stringify(more));
	}
});
