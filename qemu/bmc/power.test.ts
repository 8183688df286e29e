import test from 'ava';
import fc from 'fast-check';
import { FakeClock } from '../../common/clock.ts';
import { createPower, nextPower, type PowerEvent, type PowerState, RESET_TYPES } from './power.ts';
import { bmcForTest, messageOf } from './test-bmc.ts';

const SYSTEM = '/redfish/v1/Systems/system';
const RESET = `${SYSTEM}/Actions/ComputerSystem.Reset`;
const EVENTS: readonly PowerEvent[] = [...RESET_TYPES, 'PostDone', 'ShutdownDone'];
const STATES: readonly PowerState[] = [
	{ kind: 'Off' },
	{ kind: 'PoweringOn' },
	{ kind: 'On' },
	{ kind: 'PoweringOff', next: 'Off' },
	{ kind: 'PoweringOff', next: 'PoweringOn' },
];

const TABLE: Record<string, readonly string[]> = {
	//                 Off           PoweringOn    On            PoweringOff>Off   PoweringOff>PoweringOn
	ForceOff: ['Off', 'Off', 'Off', 'Off', 'Off'],
	PowerCycle: ['PoweringOn', 'PoweringOn', 'PoweringOn', 'PoweringOn', 'PoweringOn'],
	Nmi: ['Off', 'PoweringOn', 'On', 'PoweringOff', 'PoweringOff'],
	On: ['PoweringOn', 'PoweringOn', 'On', 'PoweringOff', 'PoweringOff'],
	ForceOn: ['PoweringOn', 'PoweringOn', 'On', 'PoweringOff', 'PoweringOff'],
	GracefulShutdown: ['Off', 'Off', 'PoweringOff', 'PoweringOff', 'PoweringOff'],
	GracefulRestart: ['PoweringOn', 'PoweringOn', 'PoweringOff', 'PoweringOff', 'PoweringOff'],
	ForceRestart: ['PoweringOn', 'PoweringOn', 'PoweringOn', 'PoweringOn', 'PoweringOn'],
	PostDone: ['Off', 'On', 'On', 'PoweringOff', 'PoweringOff'],
	ShutdownDone: ['Off', 'PoweringOn', 'On', 'Off', 'PoweringOn'],
};

for (const event of EVENTS) {
	test(`the power state machine: ${event} from every state`, t => {
		t.deepEqual(
			STATES.map(state => nextPower(state, event).kind),
			TABLE[event] as PowerState['kind'][],
		);
	});
}

test('left alone, a server comes to rest on or off, whatever was done to it', t => {
	fc.assert(
		fc.property(fc.array(fc.tuple(fc.constantFrom(...RESET_TYPES), fc.nat(6000))), steps => {
			const clock = new FakeClock();
			const power = createPower({
				initial: 'On',
				clock,
				postTimeMs: 5000,
				shutdownTimeMs: 2000,
				onEvent: () => {},
			});
			for (const [type, wait] of steps) {
				power.reset(type);
				clock.advance(wait);
			}
			clock.advance(7000);
			return power.state().kind === 'On' || power.state().kind === 'Off';
		}),
	);
	t.pass();
});

test('switching on takes the POST time, shown in PowerState and BootProgress and reported to the owner', async t => {
	const seen: string[] = [];
	const { bmc, clock, ask } = await bmcForTest(t, { power: 'Off', onPowerChange: state => seen.push(state) });
	const show = async () => {
		const { json } = await ask('GET', SYSTEM);
		return [json.PowerState, (json.BootProgress as { LastState: string }).LastState];
	};
	t.deepEqual(await show(), ['Off', 'None']);
	t.is((await ask('POST', RESET, { body: { ResetType: 'On' } })).status, 204);
	t.deepEqual(await show(), ['PoweringOn', 'PrimaryProcessorInitializationStarted']);
	clock.advance(4999);
	t.is(bmc.powerState(), 'PoweringOn');
	clock.advance(1);
	t.deepEqual(await show(), ['On', 'OSRunning']);
	await ask('POST', RESET, { body: { ResetType: 'GracefulShutdown' } });
	t.is(bmc.powerState(), 'PoweringOff');
	clock.advance(2000);
	t.deepEqual(await show(), ['Off', 'None']);
	t.deepEqual(seen, ['PoweringOn', 'On', 'PoweringOff', 'Off']);
});

test('the sensors follow the power state', async t => {
	const { clock, ask } = await bmcForTest(t);
	const watts = async () =>
		Number((await ask('GET', '/redfish/v1/Chassis/chassis/Sensors/power_total_power')).json.Reading);
	const running = await watts();
	t.true(running > 100 && running < 125);
	await ask('POST', RESET, { body: { ResetType: 'ForceRestart' } });
	t.true((await watts()) > running);
	clock.advance(5000);
	t.is(await watts(), running);
	await ask('POST', RESET, { body: { ResetType: 'ForceOff' } });
	t.is(await watts(), 8);
});

test('Chassis.Reset power-cycles and takes nothing else', async t => {
	const { bmc, ask } = await bmcForTest(t, { power: 'Off' });
	const path = '/redfish/v1/Chassis/chassis/Actions/Chassis.Reset';
	const refused = await ask('POST', path, { body: { ResetType: 'On' } });
	t.is(refused.status, 400);
	t.is(messageOf(refused), 'ActionParameterNotSupported');
	t.is((await ask('POST', path, { body: { ResetType: 'PowerCycle' } })).status, 200);
	t.is(bmc.powerState(), 'PoweringOn');
});

test('a boot override for one time is gone after the next boot, a continuous one stays', async t => {
	const { clock, ask } = await bmcForTest(t);
	const boot = async () => (await ask('GET', SYSTEM)).json.Boot as Record<string, string>;
	for (const [enabled, after] of [
		['Once', 'Disabled'],
		['Continuous', 'Continuous'],
	]) {
		const body = { Boot: { BootSourceOverrideEnabled: enabled ?? '', BootSourceOverrideTarget: 'Pxe' } };
		t.is((await ask('PATCH', SYSTEM, { body })).status, 204);
		t.is((await boot()).BootSourceOverrideTarget, 'Pxe');
		await ask('POST', RESET, { body: { ResetType: 'ForceRestart' } });
		clock.advance(5000);
		t.is((await boot()).BootSourceOverrideEnabled, after);
	}
});

test('power events and NMI leave log entries', async t => {
	const { ask } = await bmcForTest(t);
	const log = async () =>
		(await ask('GET', `${SYSTEM}/LogServices/EventLog/Entries`)).json.Members as {
			MessageId: string;
			Severity: string;
		}[];
	const before = (await log()).length;
	await ask('POST', RESET, { body: { ResetType: 'Nmi' } });
	await ask('POST', RESET, { body: { ResetType: 'ForceOff' } });
	const added = (await log()).slice(before);
	t.deepEqual(
		added.map(entry => [entry.MessageId, entry.Severity]),
		[
			['OpenBMC.0.5.NMIRaised', 'Critical'],
			['OpenBMC.0.5.HostPowerCut', 'Warning'],
		],
	);
});
