import test from 'ava';
import fc from 'fast-check';
import { digestRequest } from '../canonicalise/digest.ts';
import { codeOf, cp, createBench, hso } from './approve.fixture.ts';
import { isRequestId, newRequestId } from './request-document.ts';
import { callOf } from './stored-call.ts';

const json = fc.dictionary(
	fc.string().filter(key => key !== '__proto__'),
	fc.jsonValue().map(value => JSON.parse(JSON.stringify(value))),
);

test('what comes out of the store is byte for byte what was decided on, and what its digest names', async t => {
	await fc.assert(
		fc.asyncProperty(json, async body => {
			const { hold, bmcs, restart } = createBench();
			const held = await hold(hso, undefined, body);
			const found = await restart().get(held.id);
			if (!found) return t.fail();
			const { request, operator, bmc } = callOf(found, bmcs);
			t.deepEqual(Buffer.from(request.bytes ?? []), Buffer.from(JSON.stringify(body)));
			t.deepEqual(request.body, body);
			t.deepEqual([operator, bmc.target.name, request.path], [hso, 'node1', held.request.path]);
			const { method, path, query, ifMatch, contentType, bytes: bodyBytes } = request;
			const { nonce, policyVersion } = found;
			const digest = digestRequest({
				method,
				path,
				query,
				ifMatch,
				contentType,
				bodyBytes,
				bmc: bmc.target.name,
				policyVersion,
				nonce,
			});
			t.is(digest, held.digest);
		}),
		{ numRuns: 50 },
	);
});

test('a read that waits already is found again; a change is another request each time', async t => {
	const { hold, clock, waiting } = createBench({ expireAfter: 1000 });
	const first = await hold(hso, '/redfish/v1/Read');
	t.is((await hold(hso, '/redfish/v1/Read')).id, first.id);
	t.not((await hold(cp, '/redfish/v1/Read')).id, first.id);
	t.not((await hold(hso)).id, (await hold(hso)).id);
	clock.advance(1000);
	t.not((await hold(hso, '/redfish/v1/Read')).id, first.id, 'what has waited too long is not taken up again');
	t.is(await waiting.expire(), 4);
	t.is(await waiting.expire(), 0);
});

test('a clock that is set back lets nothing wait longer, nor be approved after its time', async t => {
	const { hold, clock, waiting, approver } = createBench({ expireAfter: 1000 });
	const first = await hold(hso);
	const read = await hold(hso, '/redfish/v1/Read');
	clock.advance(500);
	clock.jump(-3_600_000);
	const later = await hold(hso);
	t.is(await waiting.expire(), 0);
	clock.advance(499);
	t.is((await hold(hso, '/redfish/v1/Read')).id, read.id);
	clock.advance(1);
	t.is(await codeOf(approver.approve(first.id, cp, first.digest, null)), 'RequestNotWaiting');
	t.not((await hold(hso, '/redfish/v1/Read')).id, read.id);
	t.is((await waiting.get(first.id))?.state, 'expired');
	t.is((await waiting.get(later.id))?.state, 'waiting');
	clock.jump(3_600_000);
	clock.advance(500);
	t.is(await waiting.expire(), 2, 'by the time of day as well');
});

test('reads at once pile up no requests', async t => {
	const { hold } = createBench();
	const held = await Promise.all(Array.from({ length: 20 }, () => hold(hso, '/redfish/v1/Read')));
	t.is(new Set(held.map(({ id }) => id)).size, 1);
});

test('one operator cannot have more waiting than allowed, also at once; others are not concerned', async t => {
	const { hold, approver } = createBench({ maxPerOperator: 3 });
	const codes = await Promise.all(Array.from({ length: 10 }, () => codeOf(hold(hso))));
	t.is(codes.filter(code => code === 'TooManyWaiting').length, 7);
	const other = await hold(cp);
	await approver.deny(other.id, hso, 'no');
	t.is(await codeOf(hold(hso)), 'TooManyWaiting');
});

test('expiry ends what waits and nothing else, at the very time', async t => {
	const { hold, clock, waiting, approver, seen } = createBench({ expireAfter: 1000 });
	const [early, executed] = [await hold(hso), await hold(hso)];
	await approver.approve(executed.id, cp, executed.digest, null);
	clock.advance(999);
	const late = await hold(hso);
	t.is(await waiting.expire(), 0);
	clock.advance(1);
	t.is(await waiting.expire(), 1);
	const states = await Promise.all(
		[early, executed, late].map(async ({ id }) => (await waiting.get(id))?.state),
	);
	t.deepEqual(states, ['expired', 'executed', 'waiting']);
	t.is(seen.at(-1)?.state, 'expired');
	t.deepEqual(seen.at(-1)?.needs, []);
});

test('change refuses to touch a request that is in another state', async t => {
	const { hold, waiting } = createBench();
	const held = await hold(hso);
	t.is(await codeOf(waiting.change(held.id, 'executing', before => before)), 'RequestNotWaiting');
	t.is(await codeOf(waiting.change('r000000000000', 'waiting', before => before)), 'NoSuchRequest');
});

test('lists are complete, in order and by page, whatever is filtered out', async t => {
	const { hold, waiting, clock, approver } = createBench();
	const all: string[] = [];
	for (let i = 0; i < 25; i++) {
		clock.advance(1);
		all.push((await hold(hso)).id);
	}
	for (const id of all.slice(0, 10)) await approver.withdraw(id, hso, null);
	t.deepEqual([...all].sort(), all, 'ids sort by time');
	for (const limit of [1, 3, 10, 100]) {
		const seen: string[] = [];
		for (;;) {
			const page = await waiting.list({ state: 'waiting', bmc: 'node1', limit, after: seen.at(-1) });
			seen.push(...page.map(({ id }) => id));
			if (page.length < limit) break;
		}
		t.deepEqual(seen, all.slice(10));
	}
	t.deepEqual(await waiting.list({ bmc: 'node2', limit: 3 }), []);
});

test('lists hold what concerns a party and nothing else, whatever else is asked for', async t => {
	const { hold, waiting, approver } = createBench();
	const three = await hold(hso, '/redfish/v1/Three');
	const two = await hold(hso);
	await approver.deny(two.id, hso, 'no');
	const ids = async (options: object) => (await waiting.list({ limit: 10, ...options })).map(({ id }) => id);
	t.deepEqual(await ids({ party: 'SI' }), [three.id]);
	t.deepEqual(await ids({ party: 'CP' }), [three.id, two.id].sort());
	t.deepEqual(await ids({ party: 'CP', state: 'waiting' }), [three.id]);
	t.deepEqual(await ids({ party: 'CP', state: 'denied', bmc: 'node1' }), [two.id]);
	t.deepEqual(await ids({ party: 'CP', bmc: 'node2' }), []);
	t.deepEqual(await ids({ party: '' }), []);
});

test('what waited before a restart expires as well', async t => {
	const { hold, clock, restart } = createBench({ expireAfter: 1000, maxPerOperator: 1000 });
	for (let i = 0; i < 450; i++) await hold(cp);
	const after = restart();
	t.is(await after.expire(), 0);
	clock.advance(1000);
	t.is(await after.expire(), 450);
});

test('ids are what they are recognised by', t => {
	fc.assert(
		fc.property(fc.integer({ min: 0, max: Date.parse('2050-01-01') }), now => isRequestId(newRequestId(now))),
	);
	for (const text of ['', '1', 'r', 'r00000000000', 'r0000000000000', 'rilou00000000', 'R000000000000'])
		t.false(isRequestId(text));
});
