// Disks that are full, and ends at any moment: nothing is executed that is not on record, and nothing twice.
import test from 'ava';
import { proxyErrors } from '../errors.ts';
import { bmcNoAnswer, bmcUnreachable } from '../forward/bmc-fault.ts';
import { codeOf, cp, cpTwo, createBench, hso } from './approve.fixture.ts';

const settled = async (): Promise<void> => {
	for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
};

test('without a record nothing is approved, denied, withdrawn or executed', async t => {
	const { approver, bmc, hold, world, waiting } = createBench();
	const held = await hold(hso);
	world.auditFault = new Error('disk full');
	t.is(await codeOf(approver.approve(held.id, cp, held.digest, null)), 'AuditUnavailable');
	t.is(await codeOf(approver.deny(held.id, cp, 'no')), 'AuditUnavailable');
	t.is(await codeOf(approver.withdraw(held.id, hso, null)), 'AuditUnavailable');
	t.deepEqual(await waiting.get(held.id), held);
	t.is(bmc.sent.length, 0);
	world.auditFault = undefined;
	t.is((await approver.approve(held.id, cp, held.digest, null)).state, 'executed');
});

test('a decision that cannot be recorded is not carried out, and ends the request', async t => {
	const { approver, bmc, hold, world, restart } = createBench();
	const held = await hold(hso, '/redfish/v1/Guarded');
	world.whileReading = async () => {
		world.auditFault = new Error('disk full');
	};
	const ended = await approver.approve(held.id, cp, held.digest, null);
	t.is(ended.state, 'failed');
	t.is(ended.outcome?.status, 503);
	t.is(bmc.sent.length, 0);
	t.deepEqual(await restart().recover(), []);
});

for (const [what, fault, state] of [
	['cannot be reached', () => bmcUnreachable('node1', 'refused'), 'failed'],
	['gives no answer', () => bmcNoAnswer('node1', 'too long'), 'unknown'],
	['answers garbage', () => proxyErrors.BmcGarbage('not HTTP'), 'unknown'],
	['has changed its resource', () => proxyErrors.PreconditionFailed('changed'), 'failed'],
	['makes the proxy fail', () => new TypeError('a fault with a secret in it'), 'unknown'],
] as const) {
	test(`a BMC that ${what} leaves the request ${state}, and it is never sent again`, async t => {
		const { approver, bmc, hold, restart } = createBench();
		const held = await hold(hso);
		bmc.answer = () => Promise.reject(fault());
		const ended = await approver.approve(held.id, cp, held.digest, null);
		t.is(ended.state, state);
		t.false(JSON.stringify(ended).includes('secret'));
		t.deepEqual(await approver.approve(held.id, cp, held.digest, null), ended);
		t.is(await codeOf(approver.approve(held.id, cpTwo, held.digest, null)), 'RequestNotWaiting');
		t.deepEqual(await restart().recover(), []);
		t.is(bmc.sent.length, 1);
	});
}

test('an answer that cannot be kept is kept once that is possible, and until then a crash leaves it unknown', async t => {
	const { approver, bmc, hold, store, restart, clock, waiting } = createBench();
	for (const isKilled of [true, false]) {
		const held = await hold(hso);
		bmc.answer = async () => {
			store.beforeCommit = () => {
				throw new Error('disk full');
			};
			return { status: 204, headers: {}, body: undefined };
		};
		t.is((await approver.approve(held.id, cp, held.digest, null)).state, 'executed');
		clock.advance(10_000);
		await settled();
		store.beforeCommit = undefined;
		t.is((await approver.approve(held.id, cp, held.digest, null)).state, 'executing');
		t.is(await codeOf(approver.approve(held.id, cpTwo, held.digest, null)), 'RequestNotWaiting');
		if (isKilled) t.like(await restart().recover(), [{ id: held.id, state: 'unknown' }]);
		clock.advance(30_000);
		await settled();
		t.is((await waiting.get(held.id))?.state, isKilled ? 'unknown' : 'executed');
	}
	t.is(bmc.sent.length, 2);
});

test('killed before it was sent, a request is known not to have been; killed after, it is not known', async t => {
	for (const [when, state] of [
		['before', 'failed'],
		['after', 'unknown'],
	] as const) {
		const { approver, bmc, hold, world, restart } = createBench();
		const held = await hold(hso);
		const dies = new Promise<never>(() => undefined);
		let isThere: () => void = () => undefined;
		const there = new Promise<void>(resolve => {
			isThere = resolve;
		});
		const wait = () => {
			isThere();
			return dies;
		};
		if (when === 'before') world.beforeSending = wait;
		else bmc.answer = wait;
		approver.approve(held.id, cp, held.digest, null).catch(() => undefined);
		await there;
		t.like(await restart().recover(), [{ id: held.id, state }]);
		t.is(bmc.sent.length, when === 'before' ? 0 : 1);
	}
});

test('what cannot be noted as being sent is not sent', async t => {
	const { approver, bmc, hold, store, world, clock, waiting } = createBench();
	const held = await hold(hso);
	world.beforeSending = async () => {
		store.beforeCommit = () => {
			throw new Error('disk full');
		};
	};
	const ended = await approver.approve(held.id, cp, held.digest, null);
	t.is(ended.state, 'failed');
	t.is(ended.outcome?.status, 503);
	t.is(bmc.sent.length, 0);
	store.beforeCommit = undefined;
	clock.advance(1000);
	await settled();
	t.is((await waiting.get(held.id))?.state, 'failed');
});

test('a request that could not be marked as executing is not sent, and can be approved later', async t => {
	const { approver, bmc, hold, store, waiting } = createBench();
	const held = await hold(hso);
	store.beforeCommit = () => {
		throw new Error('disk full');
	};
	await t.throwsAsync(approver.approve(held.id, cp, held.digest, null));
	t.is(bmc.sent.length, 0);
	store.beforeCommit = undefined;
	t.deepEqual(await waiting.get(held.id), held);
	t.is((await approver.approve(held.id, cp, held.digest, null)).state, 'executed');
});
