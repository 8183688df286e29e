import test, { type ExecutionContext } from 'ava';
import { FakeClock } from '../../common/clock.ts';
import type { PowerStateName } from '../bmc/bmc.ts';
import { askAt, messageOf, PASSWORD } from '../bmc/test-bmc.ts';
import { type OutletReading, startPdu } from './pdu.ts';

const OUTLETS = '/redfish/v1/PowerEquipment/RackPDUs/1/Outlets';

async function pduForTest(t: ExecutionContext, states: PowerStateName[]) {
	const clock = new FakeClock();
	const published: [string, OutletReading][] = [];
	const switched: string[] = [];
	const pdu = await startPdu({
		clock,
		failedLoginDelayMs: 0,
		accounts: [
			{ name: 'root', password: PASSWORD, role: 'Administrator' },
			{ name: 'ro1', password: PASSWORD, role: 'ReadOnly' },
		],
		events: {
			async publish(topic, payload) {
				published.push([topic, payload]);
			},
		},
		outlets: states.map((_, index) => ({
			id: String(index + 1),
			name: `node${index + 1}`,
			serverState: () => states[index] ?? 'Off',
			onSwitch: state => switched.push(`${index + 1} ${state}`),
		})),
	});
	t.teardown(() => pdu.close());
	return { pdu, clock, published, switched, ask: askAt(pdu.url) };
}

const total = (readings: readonly OutletReading[]) => readings.reduce((sum, one) => sum + one.PowerWatts, 0);

test('eight servers that run draw less than 1000 W at any time, eight in POST more', async t => {
	const running = await pduForTest(t, Array(8).fill('On'));
	const testing = await pduForTest(t, Array(8).fill('PoweringOn'));
	for (let sample = 0; sample < 300; sample++) {
		t.true(total(running.pdu.readings()) < 1000);
		t.true(total(testing.pdu.readings()) > 1000);
		running.clock.advance(2000);
		testing.clock.advance(2000);
	}
	const off = await pduForTest(t, Array(8).fill('Off'));
	t.is(total(off.pdu.readings()), 64);
});

test('readings are published every two seconds, and at once when something changes', async t => {
	const states: PowerStateName[] = ['On', 'Off'];
	const { pdu, clock, published } = await pduForTest(t, states);
	t.deepEqual(
		published.map(([topic]) => topic),
		['bimetal/pdu/outlets/1', 'bimetal/pdu/outlets/2'],
	);
	clock.advance(1999);
	t.is(published.length, 2);
	clock.advance(1);
	t.is(published.length, 4);
	states[0] = 'Off';
	pdu.changed('1');
	t.deepEqual(published[4], [
		'bimetal/pdu/outlets/1',
		{ Id: '1', Name: 'node1', PowerWatts: 8, PowerState: 'On' },
	]);
});

test('outlets can be read one by one or all at once, and what is published is what is read', async t => {
	const { pdu, ask } = await pduForTest(t, ['On', 'PoweringOn', 'Off']);
	t.is((await ask('GET', OUTLETS, { user: null })).status, 401);
	const all = (await ask('GET', `${OUTLETS}?$expand=.`)).json.Members as {
		PowerWatts: { Reading: number };
	}[];
	const watts = all.map(one => one.PowerWatts.Reading);
	t.deepEqual(
		watts,
		pdu.readings().map(reading => reading.PowerWatts),
	);
	const one = (await ask('GET', `${OUTLETS}/2`)).json;
	t.is(one.PowerState, 'On');
	t.deepEqual(one.PowerWatts, { Reading: watts[1] ?? 0 });
	t.is((await ask('GET', `${OUTLETS}/9`)).status, 404);
});

test('an outlet is switched by PowerControl, by whoever may', async t => {
	const { pdu, switched, published, ask } = await pduForTest(t, ['On']);
	const control = (state: string, user = 'root') =>
		ask('POST', `${OUTLETS}/1/Actions/Outlet.PowerControl`, { user, body: { PowerState: state } });
	t.is((await control('Off', 'ro1')).status, 403);
	t.is(messageOf(await control('Dim')), 'PropertyValueNotInList');
	t.is((await control('Off')).status, 204);
	t.is(pdu.readings()[0]?.PowerWatts, 0);
	t.is(published.at(-1)?.[1].PowerState, 'Off');
	t.is((await control('Off')).status, 204);
	t.is((await control('On')).status, 204);
	t.is((await control('PowerCycle')).status, 204);
	t.deepEqual(switched, ['1 Off', '1 On', '1 Off', '1 On']);
});

test('what is measured is delivered as it is, and nothing through an outlet that is off', async t => {
	const clock = new FakeClock();
	const pdu = await startPdu({
		clock,
		accounts: [{ name: 'root', password: PASSWORD, role: 'Administrator' }],
		outlets: [{ id: '1', name: 'node1', serverState: () => 'On', serverWatts: () => 97 }],
	});
	t.teardown(() => pdu.close());
	t.is(pdu.readings()[0]?.PowerWatts, 97);
	const path = '/redfish/v1/PowerEquipment/RackPDUs/1/Outlets/1/Actions/Outlet.PowerControl';
	await askAt(pdu.url)('POST', path, { body: { PowerState: 'Off' } });
	t.is(pdu.readings()[0]?.PowerWatts, 0);
});
