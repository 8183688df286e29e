import test from 'ava';
import { codeOf } from '../core/bench.fixture.ts';
import { deleteNetwork } from '../core/networks.ts';
import { detachNode } from '../core/projects.ts';
import { changeSwitch } from '../core/switch-settings.ts';
import { nics } from '../model/node.ts';
import type { SwitchDriver, SwitchType } from '../switches/driver.ts';
import { createMockSwitches } from '../switches/mock.ts';
import { createNetworkBench, portOf } from './network.fixture.ts';

const nothing = { native: null, tagged: [] };

test('what is asked for is on the switch at once, without any time passing', async t => {
	const bench = await createNetworkBench();
	const ports = bench.mocks.at('s1').ports;
	const first = await bench.connect('n1', 'a');
	await bench.workers.idle();
	t.like(await bench.action(first), { status: 'DONE', attempts: 0, error: null });
	t.deepEqual(ports.get(portOf(1)), { native: 10, tagged: [] });
	await bench.connect('n1', 'b', 'vlan/11');
	await bench.workers.idle();
	t.deepEqual(ports.get(portOf(1)), { native: 10, tagged: [11] });
	t.deepEqual(await bench.attached('n1'), ['b on vlan/11', 'a on vlan/native']);
	await bench.detach('n1', 'a');
	await bench.workers.idle();
	t.deepEqual(ports.get(portOf(1)), { native: null, tagged: [11] });
	await bench.revert('s1', portOf(1));
	await bench.workers.idle();
	t.deepEqual(ports.get(portOf(1)), nothing);
	t.deepEqual(await bench.attached('n1'), []);
});

test('a port that carries what nobody recorded is put right by the next change', async t => {
	const bench = await createNetworkBench();
	bench.mocks.at('s1').ports.set(portOf(1), { native: 99, tagged: [100] });
	await bench.connect('n1', 'a');
	await bench.workers.idle();
	t.deepEqual(bench.mocks.at('s1').ports.get(portOf(1)), { native: 10, tagged: [] });
});

test('a switch that is away for a minute: what is pending waits, is tried less and less often, then done', async t => {
	const bench = await createNetworkBench();
	const mock = bench.mocks.at('s1');
	mock.trouble = { kind: 'away' };
	const [one, other] = [await bench.connect('n1', 'a'), await bench.connect('n2', 'b')];
	await bench.pass(60_000);
	t.like(await bench.action(one), { status: 'PENDING', attempts: 7, error: 'the mock switch is away' });
	t.like(await bench.action(other), { status: 'PENDING', attempts: 0, error: null });
	t.is(await codeOf(bench.do(detachNode, { project: 'red', node: 'n1' })), 'BlockedError');
	t.is(await codeOf(bench.do(deleteNetwork, { network: 'a' })), 'BlockedError');
	mock.trouble = undefined;
	await bench.pass(60_000);
	t.is((await bench.action(one)).status, 'DONE');
	t.is((await bench.action(other)).status, 'DONE');
	t.deepEqual(mock.ports.get(portOf(2)), { native: 11, tagged: [] });
});

test('a switch that refuses: the action ends in ERROR with its words, others go on', async t => {
	const bench = await createNetworkBench();
	const mock = bench.mocks.at('s1');
	mock.trouble = { kind: 'refuses', reason: 'VLAN table full' };
	const refused = await bench.connect('n1', 'a');
	await bench.workers.idle();
	t.like(await bench.action(refused), { status: 'ERROR', error: 'VLAN table full' });
	t.deepEqual(await bench.attached('n1'), []);
	mock.trouble = undefined;
	await bench.connect('n1', 'a');
	await bench.workers.idle();
	t.deepEqual(await bench.attached('n1'), ['a on vlan/native']);
});

test('a switch that applies half and answers error: the port is put back, seen on the switch, before ERROR', async t => {
	const bench = await createNetworkBench();
	const mock = bench.mocks.at('s1');
	await bench.connect('n1', 'a');
	await bench.workers.idle();
	mock.trouble = { kind: 'half' };
	const half = await bench.connect('n1', 'b', 'vlan/11');
	await bench.workers.idle();
	t.deepEqual(mock.ports.get(portOf(1)), nothing, 'neither the old nor the new');
	t.like(await bench.action(half), { status: 'PENDING', attempts: 1 });
	t.is(
		(await bench.action(half)).error,
		'% Incomplete command.; then, putting the port back: % Incomplete command.',
	);
	t.is(await codeOf(bench.do(deleteNetwork, { network: 'b' })), 'BlockedError', 'nobody knows where it is');
	mock.trouble = { kind: 'refuses', reason: 'not now' };
	await bench.pass(2000);
	t.is((await bench.action(half)).status, 'PENDING', 'the port is still not as recorded');
	mock.trouble = undefined;
	await bench.pass(20_000);
	t.is((await bench.action(half)).status, 'DONE');
	t.deepEqual(mock.ports.get(portOf(1)), { native: 10, tagged: [11] });
});

test('a switch that says yes and does nothing is not believed', async t => {
	const bench = await createNetworkBench();
	bench.mocks.at('s1').trouble = { kind: 'deaf' };
	const id = await bench.connect('n1', 'a');
	await bench.workers.idle();
	t.like(await bench.action(id), {
		status: 'PENDING',
		error: 'port gi1/0/1 carries nothing instead of untagged 10',
	});
	await bench.pass(60_000);
	t.is((await bench.action(id)).status, 'ERROR', 'after some tries, the port being as before');
	t.deepEqual(await bench.attached('n1'), []);
});

test('a call that hangs is given up; a fault of the driver ends no worker', async t => {
	const bench = await createNetworkBench();
	const mock = bench.mocks.at('s1');
	mock.trouble = { kind: 'hangs' };
	const id = await bench.connect('n1', 'a');
	const hanging = bench.workers.idle();
	await new Promise(resolve => setImmediate(resolve));
	bench.clock.advance(1000);
	await hanging;
	t.like(await bench.action(id), { status: 'PENDING', error: 'no answer within 1000 ms' });
	mock.trouble = { kind: 'bug' };
	await bench.pass(1000);
	t.like(await bench.action(id), { status: 'PENDING', error: 'undefined is not a port' });
	mock.trouble = undefined;
	await bench.pass(10_000);
	t.is((await bench.action(id)).status, 'DONE');
});

test('a switch that needs longer for a change has its time, and a switch that does not answer has not', async t => {
	const mocks = createMockSwitches();
	const setPort: SwitchDriver['setPort'] = (_port, _wanted, signal) =>
		new Promise((_, reject) => {
			signal.addEventListener('abort', () => reject(signal.reason));
		});
	const open: SwitchType['open'] = given => ({ ...mocks.type.open(given), patience: 5000, setPort });
	const bench = await createNetworkBench({ mocks, type: { ...mocks.type, open } });
	const id = await bench.connect('n1', 'a');
	const changing = bench.workers.idle();
	await new Promise(resolve => setImmediate(resolve));
	bench.clock.advance(4999);
	await new Promise(resolve => setImmediate(resolve));
	t.like(await bench.action(id), { attempts: 0 }, 'still under way');
	bench.clock.advance(1);
	await changing;
	t.like(await bench.action(id), { status: 'PENDING', error: 'no answer within 5000 ms' });
	mocks.at('s1').trouble = { kind: 'hangs' };
	bench.clock.advance(1000);
	const reading = bench.workers.idle();
	await new Promise(resolve => setImmediate(resolve));
	bench.clock.advance(1000);
	await reading;
	t.like(await bench.action(id), { status: 'PENDING', error: 'no answer within 1000 ms' });
});

test('a pending action whose NIC lost its port ends in ERROR, and the worker goes on', async t => {
	const bench = await createNetworkBench();
	bench.mocks.at('s1').trouble = { kind: 'away' };
	const lost = await bench.connect('n1', 'a');
	const next = await bench.connect('n2', 'a');
	await bench.workers.idle();
	await bench.store.transact(async tx => {
		const nic = await tx.get(nics, 'n1/eth0');
		if (nic) await tx.put(nics, 'n1/eth0', { ...nic, port: null });
	});
	bench.mocks.at('s1').trouble = undefined;
	await bench.pass(2000);
	t.like(await bench.action(lost), { status: 'ERROR' });
	t.regex((await bench.action(lost)).error ?? '', /no longer in port/);
	t.is((await bench.action(next)).status, 'DONE');
});

test('one switch that is away holds up no other one', async t => {
	const bench = await createNetworkBench({ switches: 2 });
	bench.mocks.at('s1').trouble = { kind: 'away' };
	const [slow, quick] = [await bench.connect('n1', 'a'), await bench.connect('n2', 'a')];
	await bench.workers.idle();
	t.is((await bench.action(slow)).status, 'PENDING');
	t.is((await bench.action(quick)).status, 'DONE');
});

test('a hundred actions on one switch are done in their order, each set once', async t => {
	const bench = await createNetworkBench({ nodes: 100 });
	const ids = await Promise.all(
		Array.from({ length: 100 }, (_, index) => bench.connect(`n${index + 1}`, 'a')),
	);
	await bench.workers.idle();
	for (const id of ids) t.is((await bench.action(id)).status, 'DONE');
	t.is(bench.mocks.at('s1').changes, 100);
});

test('what is pending at the start is taken up; what the switch has already is not set again', async t => {
	const first = await createNetworkBench();
	const mock = first.mocks.at('s1');
	mock.trouble = { kind: 'away' };
	const id = await first.connect('n1', 'a');
	await first.workers.close();
	mock.trouble = undefined;
	// The last process had done it, but not written it down.
	mock.ports.set(portOf(1), { native: 10, tagged: [] });
	const second = await createNetworkBench({ store: first.store, mocks: first.mocks });
	await second.workers.start();
	await second.workers.idle();
	t.is((await second.action(id)).status, 'DONE');
	t.is(mock.changes, 0);
	await second.workers.close();
});

test('what was done on a device that is replaced meanwhile is done on the new one', async t => {
	const mocks = createMockSwitches();
	let release: () => void = () => undefined;
	const isHeld = new Promise<void>(resolve => {
		release = resolve;
	});
	const type: SwitchType = {
		...mocks.type,
		open(settings) {
			const driver = mocks.type.open(settings);
			return {
				...driver,
				async setPort(...args) {
					if (settings.hostname === 's1') await isHeld;
					return driver.setPort(...args);
				},
			};
		},
	};
	const bench = await createNetworkBench({ mocks, type });
	const id = await bench.connect('n1', 'a');
	// It is being done on the old one.
	for (let turn = 0; turn < 5; turn++) await new Promise(resolve => setImmediate(resolve));
	const settings = { hostname: 'spare', username: 'u', password: 'p' };
	await bench.do(changeSwitch, { switch: 's1', type: type.type, ...settings });
	bench.workers.renew('s1');
	release();
	await bench.workers.idle();
	t.is((await bench.action(id)).status, 'DONE');
	t.deepEqual(mocks.at('spare').ports.get(portOf(1)), { native: 10, tagged: [] });
});
