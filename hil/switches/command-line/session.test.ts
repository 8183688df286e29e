import test from 'ava';
import { FakeClock } from '../../../common/clock.ts';
import { dellType } from '../dell-cli/bench.fixture.ts';
import { createN3000 } from '../dell-cli/n3000-device.fixture.ts';
import { account, startSimulator } from './simulator.fixture.ts';

const { signal } = new AbortController();

test('a switch has some time to end a command whose connection broke', async t => {
	const simulator = await startSimulator(createN3000());
	t.teardown(() => simulator.close());
	const clock = new FakeClock();
	const type = dellType('delln3000', simulator.knownHosts, { clock, quiet: 5_000 });
	const settings = { ...account, hostname: simulator.hostname, dummy_vlan: 4001 };
	const driver = type.open(settings);
	simulator.trouble = command => (command === 'shutdown' ? { kind: 'cut before' } : undefined);
	await t.throwsAsync(driver.setPort('gi1/0/1', { native: 10, tagged: [] }, signal), { code: 'SwitchAway' });
	await driver.close();

	const next = type.open(settings);
	let isRead = false;
	const reading = next.readPort('gi1/0/1', signal).then(() => {
		isRead = true;
	});
	clock.advance(4_999);
	// Who knows nothing of it is answered meanwhile.
	const stranger = dellType('delln3000', simulator.knownHosts).open(settings);
	for (let n = 0; n < 3; n++) await stranger.readPort('gi1/0/1', signal);
	await stranger.close();
	t.false(isRead);
	clock.advance(1);
	await reading;
	t.true(isRead);
	await next.close();
});

test('a command that has no end holds up others for a minute, and some time more', async t => {
	const simulator = await startSimulator(createN3000());
	t.teardown(() => simulator.close());
	const clock = new FakeClock();
	const type = dellType('delln3000', simulator.knownHosts, { clock, quiet: 5_000 });
	const driver = type.open({ ...account, hostname: simulator.hostname, dummy_vlan: 4001 });
	const begun = Promise.withResolvers<void>();
	simulator.trouble = command => {
		if (command !== 'shutdown') return undefined;
		begun.resolve();
		return { kind: 'slow', until: new Promise(() => undefined) };
	};
	const late = new AbortController();
	const change = driver.setPort('gi1/0/1', { native: 10, tagged: [] }, late.signal);
	await begun.promise;
	late.abort(new Error('late'));
	await t.throwsAsync(change, { message: 'late' });
	let isRead = false;
	const reading = driver.readPort('gi1/0/1', signal).then(() => {
		isRead = true;
	});
	clock.advance(60_000);
	// The connection ends, and with it what was waited for.
	await new Promise(resolve => setImmediate(resolve));
	await new Promise(resolve => setImmediate(resolve));
	t.false(isRead);
	clock.advance(5_000);
	await reading;
	t.true(isRead);
	await driver.close();
	t.is(simulator.commands.filter(command => command === 'shutdown').length, 1);
});

test('a log-in that the switch ends while nobody uses it is no fault', async t => {
	const simulator = await startSimulator(createN3000());
	t.teardown(() => simulator.close());
	const type = dellType('delln3000', simulator.knownHosts);
	const driver = type.open({ ...account, hostname: simulator.hostname, dummy_vlan: 4001 });
	await driver.readPort('gi1/0/1', signal);
	simulator.server.cut();
	// Both ends are in this process: what one has sent the other finds when it looks the next time.
	while (simulator.server.connections.size > 0) await new Promise(resolve => setImmediate(resolve));
	for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve));
	t.deepEqual(await driver.readPort('gi1/0/1', signal), { native: null, tagged: [] });
	t.is(simulator.server.logIns.taken, 2);
	await driver.close();
});
