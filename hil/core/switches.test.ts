// Switches, their ports, and what is plugged into them.
import test from 'ava';
import { switches, switchSecrets } from '../model/switch.ts';
import { codeOf, eth0, nativeFirstSwitch, plainSwitch, withNetworks } from './bench.fixture.ts';
import { changeSwitch } from './switch-settings.ts';
import * as device from './switches.ts';

test('a port has one NIC and a NIC one port; ports are called as the switch calls them', async t => {
	const { bench } = await withNetworks();
	const plug = (port: string, of: string) =>
		codeOf(bench.do('port.connect-nic', device.connectNic, { switch: 's1', port, ...eth0(of) }));
	t.is(await plug('p0', 'n2'), 'DuplicateError');
	t.is(await plug('p9', 'n2'), 'NotFoundError');
	const register = (port: string) =>
		codeOf(bench.do('port.register', device.registerPort, { switch: 's1', port }));
	t.is(await register('gi1'), 'BadArgumentError');
	t.is(await register('p1/2'), 'ok');
	t.is(await register('p1/2'), 'DuplicateError');
	t.is(await plug('p1/2', 'n2'), 'DuplicateError');
	t.deepEqual(await bench.see('port.show', device.showPort, { switch: 's1', port: 'p1/2' }), {});
	t.deepEqual(await bench.see('port.show', device.showPort, { switch: 's1', port: 'p0' }), {
		...eth0('n1'),
		networks: {},
	});
});

test("a switch's secrets are kept apart, sealed; what does not fit its type is refused", async t => {
	const { bench } = await withNetworks();
	const text = JSON.stringify(await bench.store.read(tx => tx.list(switches)));
	t.false(text.includes('secret'));
	t.regex((await bench.store.read(tx => tx.get(switchSecrets, 's1')))?.sealed ?? '', /^sealed:/);
	const register = (settings: object, type = nativeFirstSwitch) =>
		codeOf(bench.do('switch.register', device.registerSwitch, { switch: 's2', type, ...settings }));
	t.is(await register({ host: 'h' }), 'BadArgumentError');
	t.is(await register({ host: 'h', password: 'p', more: 1 }), 'BadArgumentError');
	t.is(await register({ host: 'h', password: 'p' }, 'urn:none'), 'BadArgumentError');
	t.is(await register({ host: 'h', password: 'p' }), 'ok');
	t.deepEqual(await bench.see('switch.show', device.showSwitch, { switch: 's1' }), {
		name: 's1',
		ports: [{ label: 'p0' }, { label: 'p1' }],
		capabilities: ['nativeless-trunk-mode'],
	});
	await bench.do('switch.delete', device.deleteSwitch, { switch: 's2' });
	t.is(await bench.store.read(tx => tx.get(switchSecrets, 's2')), undefined);
});

test('a switch is reached in another way, or is another device; its ports stay', async t => {
	const { bench, attach, done, admins } = await withNetworks();
	const change = (settings: object, type = plainSwitch) =>
		codeOf(bench.do('switch.change', changeSwitch, { switch: 's1', type, ...settings }));
	const before = await bench.store.read(tx => tx.get(switchSecrets, 's1'));
	t.is(await change({ host: 'h2', password: 'new' }), 'ok');
	t.like(await bench.store.read(tx => tx.get(switches, 's1')), { settings: { host: 'h2' } });
	t.not((await bench.store.read(tx => tx.get(switchSecrets, 's1')))?.sealed, before?.sealed);
	t.is(await change({ host: 'h2' }), 'BadArgumentError', 'all settings, the secret ones as well');
	t.is(await change({ host: 'h', password: 'p' }, 'urn:none'), 'BadArgumentError');
	const { world } = bench;
	const others = { ...world(), switchKinds: new Map(world().switchKinds) };
	const named = others.switchKinds.get(plainSwitch);
	if (!named) return t.fail();
	others.switchKinds.set('urn:test:others', { ...named, isPortName: name => name.startsWith('gi') });
	const other = { switch: 's1', type: 'urn:test:others', host: 'h', password: 'p' };
	t.is(
		await codeOf(bench.inside(tx => changeSwitch(tx, other, others))),
		'BadArgumentError',
		'no such ports',
	);
	await admins('guest', 'red', '200');
	await done((await attach('guest', 'vlan/200')).id);
	t.is(await change({ host: 'h', password: 'p' }, nativeFirstSwitch), 'BadArgumentError', 'tagged only');
	await done((await attach('rednet')).id);
	t.is(await change({ host: 'h', password: 'p' }, nativeFirstSwitch), 'ok');
	t.is(
		await codeOf(
			bench.do('switch.change', changeSwitch, { switch: 's9', type: plainSwitch, host: 'h', password: 'p' }),
		),
		'NotFoundError',
	);
});
