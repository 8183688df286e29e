import test from 'ava';
import { ipv4Number } from '../../common/network/ipv4.ts';
import { createMemoryStore } from '../../common/store/memory-store.fixture.ts';
import type { Store } from '../../common/store/store.ts';
import { bootings } from '../model/booting.ts';
import { addressOf } from './addresses.ts';

const macOf = (number: number): string => `52:54:00:00:00:${number.toString(16).padStart(2, '0')}`;
const options = (store: Store, first: string, last: string) => ({
	store,
	network: 'boot',
	range: { first: ipv4Number(first) ?? 0, last: ipv4Number(last) ?? 0 },
	own: ['10.64.0.1'],
});

test('each NIC has its own address, always the same, and never one of ours', async t => {
	const store = createMemoryStore();
	const all = options(store, '10.64.0.1', '10.64.0.200');
	const given = new Map<string, string>();
	for (let number = 0; number < 199; number++) given.set(macOf(number), await addressOf(all, macOf(number)));
	t.is(new Set(given.values()).size, 199);
	t.false([...given.values()].includes('10.64.0.1'));
	for (const [mac, address] of given) t.is(await addressOf(all, mac), address);
	const lost = options(createMemoryStore(), '10.64.0.1', '10.64.0.200');
	t.is(await addressOf(lost, macOf(0)), given.get(macOf(0)) ?? '');
});

test('when all are given, only what boots no more goes without', async t => {
	const store = createMemoryStore();
	const two = options(store, '10.64.0.2', '10.64.0.3');
	await addressOf(two, macOf(1));
	const free = await addressOf(two, macOf(2));
	const boots = (number: number) =>
		store.transact(tx =>
			tx.insert(bootings, `n${number}`, {
				node: `n${number}`,
				project: 'red',
				disks: ['one'],
				rescued: null,
				network: 'boot',
				nic: 'eth0',
				mac: macOf(number),
				further: [],
				iqn: 'iqn.2026-11.test:disk',
				initiator: 'iqn.2026-11.test:node',
				chap: 'sealed',
				hostname: 'n',
				keys: [],
				userData: null,
				operation: null,
				since: 0,
			}),
		);
	await boots(1);
	t.is(await addressOf(two, macOf(3)), free);
	await boots(3);
	await t.throwsAsync(addressOf(two, macOf(4)), { code: 'NetworkFault' });
});

test('a range that has become another one gives other addresses', async t => {
	const store = createMemoryStore();
	await addressOf(options(store, '10.64.0.2', '10.64.0.9'), macOf(1));
	t.is(await addressOf(options(store, '10.64.0.77', '10.64.0.77'), macOf(1)), '10.64.0.77');
});
