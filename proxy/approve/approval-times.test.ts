// Approvals and time: what came too late, what lapsed, and what came in time all the same.
import test from 'ava';
import { codeOf, cp, createBench, hso, si } from './approve.fixture.ts';

test('what has expired is not executed, though nobody looked for expired requests yet', async t => {
	const { approver, bmc, clock, hold, waiting, records } = createBench({ expireAfter: 1000 });
	const held = await hold(hso);
	clock.advance(1000);
	t.is(await codeOf(approver.approve(held.id, cp, held.digest, null)), 'RequestNotWaiting');
	t.is((await waiting.get(held.id))?.state, 'expired');
	t.is(bmc.sent.length, 0);
	t.deepEqual(records, []);
});

test('what cannot be executed in time after its last approval has expired', async t => {
	const { approver, bmc, clock, hold, waiting, world } = createBench({ executeWithin: 1000 });
	const [inTime, late] = [await hold(hso, '/redfish/v1/Guarded'), await hold(hso, '/redfish/v1/Guarded')];
	world.whileReading = async () => clock.advance(999);
	t.is((await approver.approve(inTime.id, cp, inTime.digest, null)).state, 'executed');
	world.whileReading = async () => clock.advance(1000);
	const ended = await approver.approve(late.id, cp, late.digest, null);
	t.is(ended.state, 'expired');
	t.regex(ended.ended?.reason ?? '', /could not be executed in time/);
	t.deepEqual(await waiting.get(late.id), ended);
	t.is(bmc.sent.length, 1);
});

test('an approval that came in time is not too late because the facts are slow, whoever looks meanwhile', async t => {
	const { approver, bmc, clock, hold, waiting, world } = createBench({ expireAfter: 1000 });
	const held = await hold(hso, '/redfish/v1/Guarded');
	clock.advance(999);
	world.whileReading = async () => {
		clock.advance(500);
		t.is(await waiting.expire(), 0);
	};
	t.is((await approver.approve(held.id, cp, held.digest, null)).state, 'executed');
	t.is(bmc.sent.length, 1);
});

test('a lane that is busy for too long lets the request expire', async t => {
	const { approver, approverDeps, bmc, clock, hold } = createBench({ executeWithin: 1000 });
	const held = await hold(hso);
	const { lanes } = approverDeps;
	let approved = Promise.resolve(held);
	await lanes.run('rack rack1', async () => {
		approved = approver.approve(held.id, cp, held.digest, null);
		await approverDeps.waiting.get(held.id);
		clock.advance(1000);
	});
	t.is((await approved).state, 'expired');
	t.is(bmc.sent.length, 0);
});

test('one of several approvals that came in time does not keep a request from expiring', async t => {
	const { approver, clock, hold, waiting } = createBench({ expireAfter: 1000 });
	const held = await hold(hso, '/redfish/v1/Three');
	clock.advance(999);
	t.is((await approver.approve(held.id, cp, held.digest, null)).state, 'waiting');
	clock.advance(1);
	t.is(await waiting.expire(), 1);
	t.is(await codeOf(approver.approve(held.id, si, held.digest, null)), 'RequestNotWaiting');
});

test('an approval that has lapsed no longer counts, and can be given again', async t => {
	const { approver, bmc, clock, hold, records } = createBench({ approvalValidFor: 1000 });
	const held = await hold(hso, '/redfish/v1/Three');
	const first = await approver.approve(held.id, cp, held.digest, null);
	t.is(first.authorizations[1]?.validUntil, clock.now() + 1000);
	t.is(first.authorizations[0]?.validUntil, null, 'who asks stands by it as long as it waits');
	clock.advance(1000);
	const second = await approver.approve(held.id, si, held.digest, null);
	t.is(second.state, 'waiting');
	t.deepEqual(second.needs, [['CP']]);
	clock.advance(999);
	t.is((await approver.approve(held.id, cp, held.digest, null)).state, 'executed');
	t.is(bmc.sent.length, 1);
	t.is(records.filter(({ kind }) => kind === 'approval').length, 3);
});
