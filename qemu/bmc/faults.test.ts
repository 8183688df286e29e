import test from 'ava';
import { bmcForTest } from './test-bmc.ts';
import { sendRaw } from './wire-client.ts';

const SYSTEM = '/redfish/v1/Systems/system';

test('a slow BMC answers after its delay', async t => {
	const { bmc, clock, ask } = await bmcForTest(t);
	bmc.fault({ delayMs: 5000 });
	const reply = ask('GET', SYSTEM);
	const first = await Promise.race([
		reply,
		sendRaw(bmc.port, 'GET /redfish HTTP/1.1\r\nHost: x\r\n\r\n', { waitMs: 200 }),
	]);
	t.true('answers' in first && first.answers.length === 0);
	clock.advance(5000);
	t.is((await reply).status, 200);
});

test('garbage, a dropped answer and a BMC that is down; mended, it answers again', async t => {
	const { bmc, ask } = await bmcForTest(t);
	const reset = () =>
		ask('POST', `${SYSTEM}/Actions/ComputerSystem.Reset`, { body: { ResetType: 'ForceOff' } });
	bmc.fault({ garbage: true });
	await t.throwsAsync(reset());
	t.is(bmc.powerState(), 'On', 'garbage: not carried out');
	bmc.fault({ dropMidAnswer: true });
	await t.throwsAsync(reset());
	t.is(bmc.powerState(), 'Off', 'dropped: carried out');
	await t.throwsAsync(ask('GET', SYSTEM));
	bmc.fault({ down: true });
	await t.throwsAsync(ask('GET', SYSTEM));
	bmc.fault({});
	t.is((await ask('GET', SYSTEM)).status, 200);
});
