import test from 'ava';
import { bootIndexes, planBoot } from './boot-plan.ts';

const DEVICES = [
	{ id: 'nic0', kind: 'Pxe' },
	{ id: 'cd0', kind: 'Cd' },
	{ id: 'disk0', kind: 'Hdd' },
	{ id: 'disk1', kind: 'Hdd' },
] as const;
const order = (first: Parameters<typeof bootIndexes>[1]) =>
	[...bootIndexes(DEVICES, first)].sort(([, a], [, b]) => a - b).map(([id]) => id);

test('disks are tried first, or what an override names, and then the others', t => {
	t.deepEqual(order(undefined), ['disk0', 'disk1', 'cd0', 'nic0']);
	t.deepEqual(order('Pxe'), ['nic0', 'disk0', 'disk1', 'cd0']);
	t.deepEqual(order('Cd'), ['cd0', 'disk0', 'disk1', 'nic0']);
	t.deepEqual(order('Usb'), order(undefined));
});

test('an override that is switched off says nothing, and None leaves the order as it is', t => {
	t.deepEqual(planBoot({ enabled: 'Disabled', target: 'Pxe', mode: 'Legacy' }, 'UEFI'), {
		mode: 'UEFI',
		first: undefined,
	});
	t.deepEqual(planBoot({ enabled: 'Once', target: 'Pxe', mode: undefined }, 'UEFI'), {
		mode: 'UEFI',
		first: 'Pxe',
	});
	t.deepEqual(planBoot({ enabled: 'Continuous', target: 'None', mode: 'Legacy' }, 'UEFI'), {
		mode: 'Legacy',
		first: undefined,
	});
});
