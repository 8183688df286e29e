import test from 'ava';
import { activate } from '../decide/consider.ts';
import { proxyErrors } from '../errors.ts';
import { bmcNoAnswer, bmcUnreachable } from '../forward/bmc-fault.ts';
import { codeOf, cp, cpTwo, createBench, everybody, hso, hsoTwo, policySet, si } from './approve.fixture.ts';

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

test('a read whose resource is hidden from its requester is executed, with 404 for an answer', async t => {
	const { approver, bmc, hold } = createBench();
	const held = await hold(hso, '/redfish/v1/Read');
	bmc.answer = () => Promise.reject(proxyErrors.NotFound('there is no such resource'));
	const ended = await approver.approve(held.id, cp, held.digest, null);
	t.is(ended.state, 'executed');
	t.is(ended.outcome?.status, 404);
});

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

const settled = async (): Promise<void> => {
	for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
};

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

test('a BMC that is no longer part of the site is nobody’s to reach, and the approval is not kept', async t => {
	const { approver, bmcs, hold, waiting } = createBench();
	const held = await hold(hso);
	bmcs.delete('node1');
	t.is(await codeOf(approver.approve(held.id, cp, held.digest, null)), 'NoSuchBmc');
	t.deepEqual(await waiting.get(held.id), held);
});
