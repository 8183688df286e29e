// A party that is a P²C itself: who of its operators speak for it together.
import test from 'ava';
import { activate } from '../decide/consider.ts';
import { parseMembersExpression } from '../policy/members.ts';
import type { PartyMembers } from '../policy/policy-set.ts';
import { codeOf, cp, cpTwo, createBench, hso, policySet } from './approve.fixture.ts';

const groups = { ops: ['cp-operator', 'cp-two'], security: ['cp-security', 'cp-two'] };
const security = { name: 'cp-security', party: 'CP' };
const stranger = { name: 'cp-stranger', party: 'CP' };

/** The approvals' bench, where two of CP must speak. */
function nestedBench(source = '2 of (ops, security)') {
	const bench = createBench();
	const parsed = parseMembersExpression(source, groups);
	if (!parsed.ok) throw new Error(parsed.problem.message);
	const where = { file: 'cp/members.yaml', line: 1, column: 1 };
	const members: PartyMembers = { party: 'CP', groups, speaks: parsed.value, reads: parsed.value, where };
	bench.world.policies = activate({ ...policySet('one'), members: new Map([['CP', members]]) });
	return bench;
}

test('CP counts once two of its operators have approved this very request', async t => {
	const { approver, bmc, hold } = nestedBench();
	const held = await hold(hso);
	t.deepEqual([held.needs, held.lacking], [[['CP']], { CP: 'one of ops and one of security' }]);
	const half = await approver.approve(held.id, cp, held.digest, null);
	t.deepEqual([half.state, half.needs, half.lacking], ['waiting', [['CP']], { CP: 'one more of security' }]);
	t.deepEqual(await approver.approve(held.id, cp, held.digest, null), half);
	t.is(await codeOf(approver.approve(held.id, stranger, held.digest, null)), 'NotNeeded');
	t.is(bmc.sent.length, 0);
	const done = await approver.approve(held.id, security, held.digest, null);
	t.deepEqual([done.state, done.lacking], ['executed', {}]);
	t.is(bmc.sent.length, 1);
});

test('its own requester counts as one of them, and the request waits for the other', async t => {
	const { approver, bmc, hold } = nestedBench();
	const held = await hold(cp);
	t.deepEqual([held.needs, held.lacking], [[['CP', 'HSO']], { CP: 'one more of security' }]);
	await approver.approve(held.id, hso, held.digest, null);
	t.is(bmc.sent.length, 0);
	t.is((await approver.approve(held.id, security, held.digest, null)).state, 'executed');
	t.is(bmc.sent.length, 1);
});

test('an operator removed while it waits no longer counts', async t => {
	const { approver, bmc, hold, world } = nestedBench();
	const held = await hold(hso);
	await approver.approve(held.id, cp, held.digest, null);
	world.gone.add(cp.name);
	const half = await approver.approve(held.id, security, held.digest, null);
	t.deepEqual([half.state, half.lacking], ['waiting', { CP: 'one more of ops' }]);
	t.is(bmc.sent.length, 0);
	t.is((await approver.approve(held.id, cpTwo, held.digest, null)).state, 'executed');
});

test('one is removed while the facts are being read for the other’s approval', async t => {
	const { approver, bmc, hold, world } = nestedBench();
	const held = await hold(hso, '/redfish/v1/Guarded');
	await approver.approve(held.id, cp, held.digest, null);
	world.whileReading = async () => void world.gone.add(cp.name);
	const half = await approver.approve(held.id, security, held.digest, null);
	t.deepEqual([half.state, half.lacking], ['waiting', { CP: 'one more of ops' }]);
	t.is(bmc.sent.length, 0);
});

test('the same person under two accounts counts once', async t => {
	const { approver, bmc, hold, world } = nestedBench();
	world.persons.set(security.name, cp.name);
	const held = await hold(hso);
	await approver.approve(held.id, cp, held.digest, null);
	t.is(await codeOf(approver.approve(held.id, security, held.digest, null)), 'AlreadyAuthorized');
	t.is(bmc.sent.length, 0);
	t.is((await approver.approve(held.id, cpTwo, held.digest, null)).state, 'executed');
});

test('approvals of one and of another at once execute once', async t => {
	const { approver, bmc, hold } = nestedBench();
	for (let round = 0; round < 10; round++) {
		const before = bmc.sent.length;
		const held = await hold(hso);
		const who = [cp, security, cpTwo, cp, security];
		await Promise.all(who.map(each => codeOf(approver.approve(held.id, each, held.digest, null))));
		t.is(bmc.sent.length - before, 1);
	}
});
