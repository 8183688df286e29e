import test from 'ava';
import { proxyErrors } from '../errors.ts';
import { codeOf, cp, cpTwo, createBench, everybody, hso, hsoTwo, si } from './approve.fixture.ts';

const wrongDigest = '0'.repeat(64);

test('the last approval executes what was stored, and the answer is kept', async t => {
	const { approver, bmc, hold, records, waiting } = createBench();
	const held = await hold(hso);
	t.deepEqual(held.needs, [['CP']]);
	const done = await approver.approve(held.id, cp, held.digest, 'go on');
	t.is(done.state, 'executed');
	t.is(done.clause, 'HSO and CP');
	t.is(done.outcome?.status, 204);
	t.deepEqual(await waiting.get(held.id), done);
	t.is(bmc.sent.length, 1);
	t.is(
		bmc.sent[0]?.request?.state,
		'executing',
		'it is on disk as being executed before the BMC is sent anything',
	);
	t.deepEqual(bmc.sent[0]?.call.request.body, { ResetType: 'On' });
	t.deepEqual(bmc.sent[0]?.call.operator, hso, 'it is executed, and its answer filtered, for its requester');
	t.deepEqual(
		records.map(({ kind }) => kind),
		['approval', 'decision', 'answer'],
	);
});

test('many approvals at once, of one party and of several, execute once', async t => {
	const { approver, bmc, hold, records } = createBench();
	const held = await hold(hso);
	const work = Array.from({ length: 30 }, async (_, i) => {
		const operator = everybody[i % everybody.length] ?? cp;
		return [operator.name, await codeOf(approver.approve(held.id, operator, held.digest, null))] as const;
	});
	const answers = await Promise.all(work);
	const counted = new Set(answers.filter(([, code]) => code === undefined).map(([name]) => name));
	t.is(counted.size, 1, 'who repeats the own approval gets the request; to the others it no longer waits');
	t.is(bmc.sent.length, 1);
	t.is(records.filter(({ kind }) => kind === 'approval').length, 1);
});

test('three parties: approvals at once count each party once', async t => {
	const { approver, bmc, hold, records } = createBench();
	const held = await hold(hso, '/redfish/v1/Three');
	t.deepEqual(held.needs, [['CP', 'SI']]);
	const work = [cp, cpTwo, cp, si, cpTwo, si].map(operator =>
		codeOf(approver.approve(held.id, operator, held.digest, null)),
	);
	const codes = await Promise.all(work);
	t.deepEqual(
		codes.map(code => code === undefined),
		[true, false, true, true, false, true],
	);
	t.is(bmc.sent.length, 1);
	t.is(records.filter(({ kind }) => kind === 'approval').length, 2);
});

test('who repeats the own approval gets the request as it is now, and nothing else happens', async t => {
	const { approver, bmc, hold, records, waiting } = createBench();
	const held = await hold(hso, '/redfish/v1/Three');
	const first = await approver.approve(held.id, cp, held.digest, 'yes');
	t.deepEqual(await approver.approve(held.id, cp, held.digest, 'did you hear me?'), first);
	t.is(await codeOf(approver.approve(held.id, cp, wrongDigest, null)), 'AlreadyAuthorized');
	const done = await approver.approve(held.id, si, held.digest, null);
	for (const operator of [cp, si]) {
		t.deepEqual(await approver.approve(held.id, operator, held.digest, null), done);
	}
	t.is(await codeOf(approver.approve(held.id, cpTwo, held.digest, null)), 'RequestNotWaiting');
	t.deepEqual(await waiting.get(held.id), done);
	t.is(records.filter(({ kind }) => kind === 'approval').length, 2);
	t.is(bmc.sent.length, 1);
});

test('approve, deny and withdraw at once: one of them decides, and the BMC hears of it at most once', async t => {
	const { approver, bmc, hold, waiting } = createBench();
	for (let i = 0; i < 6; i++) {
		const held = await hold(hso);
		const before = bmc.sent.length;
		const work = [
			() => approver.approve(held.id, cp, held.digest, null),
			() => approver.deny(held.id, cp, 'no'),
			() => approver.withdraw(held.id, hso, null),
		];
		const order = [...work.slice(i % 3), ...work.slice(0, i % 3)];
		const codes = await Promise.all(order.map(each => codeOf(each())));
		t.is(codes.filter(code => code === undefined).length, 1);
		const state = (await waiting.get(held.id))?.state;
		t.is(bmc.sent.length - before, state === 'executed' ? 1 : 0);
	}
});

test('the requester’s own party approves nothing, nor does one that is not needed', async t => {
	const { approver, bmc, hold, records } = createBench();
	const held = await hold(hso);
	for (const operator of [hso, hsoTwo]) {
		t.is(await codeOf(approver.approve(held.id, operator, held.digest, null)), 'AlreadyAuthorized');
	}
	t.is(await codeOf(approver.approve(held.id, si, held.digest, null)), 'NotNeeded');
	t.is(await codeOf(approver.deny(held.id, si, 'none of my business')), 'NotNeeded');
	t.is(await codeOf(approver.withdraw(held.id, cp, null)), 'NotYours');
	t.is(await codeOf(approver.withdraw(held.id, hsoTwo, null)), 'NotYours');
	t.deepEqual(records, [], 'what counts for nothing is not on the record as if it did');
	t.is(bmc.sent.length, 0);
});

test('an approval that names another digest counts for nothing', async t => {
	const { approver, bmc, hold, waiting } = createBench();
	const [held, other] = [await hold(hso), await hold(hso)];
	t.not(held.digest, other.digest, 'the same request made twice is two requests');
	for (const digest of [other.digest, wrongDigest, '', held.digest.toUpperCase()]) {
		t.is(await codeOf(approver.approve(held.id, cp, digest, null)), 'DigestMismatch');
	}
	t.is((await waiting.get(held.id))?.authorizations.length, 1);
	t.is(bmc.sent.length, 0);
});

test('an unknown request is said to be unknown, whatever its id looks like', async t => {
	const { approver } = createBench();
	for (const id of ['r000000000000', '', '../etc', '\u0000', 'x'.repeat(2000), '\ud800']) {
		t.is(await codeOf(approver.approve(id, cp, wrongDigest, null)), 'NoSuchRequest');
		t.is(await codeOf(approver.deny(id, cp, 'no')), 'NoSuchRequest');
		t.is(await codeOf(approver.withdraw(id, cp, null)), 'NoSuchRequest');
	}
});

for (const [state, end] of [
	['denied', (b: ReturnType<typeof createBench>, id: string) => b.approver.deny(id, cp, 'not today')],
	['withdrawn', (b: ReturnType<typeof createBench>, id: string) => b.approver.withdraw(id, hso, null)],
] as const) {
	test(`what was ${state} is neither executed nor decided on again, and the record says so once`, async t => {
		const bench = createBench();
		const held = await bench.hold(hso);
		t.is((await end(bench, held.id)).state, state);
		t.is(await codeOf(bench.approver.approve(held.id, cp, held.digest, null)), 'RequestNotWaiting');
		t.is(await codeOf(bench.approver.deny(held.id, cp, 'again')), 'RequestNotWaiting');
		t.is(await codeOf(bench.approver.withdraw(held.id, hso, null)), 'RequestNotWaiting');
		t.is(bench.bmc.sent.length, 0);
		t.is(bench.records.length, 1);
	});
}

test('a read whose resource is hidden from its requester is executed, with 404 for an answer', async t => {
	const { approver, bmc, hold } = createBench();
	const held = await hold(hso, '/redfish/v1/Read');
	bmc.answer = () => Promise.reject(proxyErrors.NotFound('there is no such resource'));
	const ended = await approver.approve(held.id, cp, held.digest, null);
	t.is(ended.state, 'executed');
	t.is(ended.outcome?.status, 404);
});
