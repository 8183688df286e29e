// Policies and people are looked at again when the last approval comes.
import test from 'ava';
import { activate } from '../decide/consider.ts';
import { codeOf, cp, cpTwo, createBench, hso, policySet, si } from './approve.fixture.ts';

test('a policy that no longer holds denies it at execution', async t => {
	const { approver, bmc, hold, world } = createBench();
	const held = await hold(hso, '/redfish/v1/Guarded');
	world.open = false;
	const ended = await approver.approve(held.id, cp, held.digest, null);
	t.is(ended.state, 'denied');
	t.is(ended.ended?.by, null);
	t.regex(ended.ended?.reason ?? '', /CP's policy does not hold/);
	t.deepEqual(
		ended.authorizations.map(({ party }) => party),
		['HSO', 'CP'],
	);
	t.false(ended.policies[0]?.holds);
	t.is(bmc.sent.length, 0);
});

test('under other policies than it was made under it is not executed', async t => {
	const { approver, bmc, hold, world, records } = createBench();
	const held = await hold(hso);
	world.policies = activate(policySet('two'));
	const ended = await approver.approve(held.id, cp, held.digest, null);
	t.is(ended.state, 'denied');
	t.regex(ended.ended?.reason ?? '', /policies have changed/);
	t.is(bmc.sent.length, 0);
	t.is(records.length, 0);
});

test('policies that change while the facts are read stop it as well', async t => {
	const { approver, bmc, hold, world } = createBench();
	const held = await hold(hso, '/redfish/v1/Guarded');
	world.whileReading = async () => {
		world.policies = activate(policySet('two'));
	};
	t.is((await approver.approve(held.id, cp, held.digest, null)).state, 'denied');
	t.is(bmc.sent.length, 0);
});

test('a requester who is no longer an operator gets nothing executed', async t => {
	const { approver, bmc, hold, world } = createBench();
	const held = await hold(hso);
	world.gone.add(hso.name);
	const ended = await approver.approve(held.id, cp, held.digest, null);
	t.is(ended.state, 'denied');
	t.regex(ended.ended?.reason ?? '', /no longer an operator/);
	t.is(bmc.sent.length, 0);
});

test('the approval of somebody who was removed does not count; another one of that party can give it', async t => {
	const { approver, bmc, hold, world } = createBench();
	const held = await hold(hso, '/redfish/v1/Three');
	await approver.approve(held.id, cp, held.digest, null);
	world.gone.add(cp.name);
	const stillWaiting = await approver.approve(held.id, si, held.digest, null);
	t.is(stillWaiting.state, 'waiting');
	t.deepEqual(stillWaiting.needs, [['CP']]);
	t.is(bmc.sent.length, 0);
	const done = await approver.approve(held.id, cpTwo, held.digest, null);
	t.is(done.state, 'executed');
	t.is(bmc.sent.length, 1);
});

test('somebody who is removed while the facts are read does not count either', async t => {
	const { approver, bmc, hold, world } = createBench();
	const held = await hold(hso, '/redfish/v1/Guarded');
	world.whileReading = async () => void world.gone.add(cp.name);
	t.is((await approver.approve(held.id, cp, held.digest, null)).state, 'waiting');
	t.is(bmc.sent.length, 0);
});

test('a BMC that is no longer part of the site is nobody’s to reach, and the approval is not kept', async t => {
	const { approver, bmcs, hold, waiting } = createBench();
	const held = await hold(hso);
	bmcs.delete('node1');
	t.is(await codeOf(approver.approve(held.id, cp, held.digest, null)), 'NoSuchBmc');
	t.deepEqual(await waiting.get(held.id), held);
});
