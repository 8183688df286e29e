// Servers are nodes of a real hil and come through the airlock of a real service; what their evidence comes to is said by the test.
import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { createVerifierClient } from '../../attest/client.ts';
import type { Cause } from '../../attest/model/admission.ts';
import { startAirlock } from '../../attest/passage/airlock.fixture.ts';
import { refused } from '../../attest/passage/evidence.fixture.ts';
import { FakeClock, systemClock } from '../../common/clock.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { createHilClient } from '../../hil/client.ts';
import { recordServer } from '../calendar/server.ts';
import { checkBook } from '../ledger/check-book.ts';
import { showCredits } from '../ledger/credits.ts';
import { bidTerms, now, someMarket } from '../market.fixture.ts';
import { createAttestedFulfilment } from './attested-fulfilment.ts';
import { createLeaseDriver } from './driver.ts';
import { DeliveryRefused } from './fulfilment.ts';
import { createHilFulfilment } from './hil-fulfilment.ts';
import { leases } from './lease.ts';

const { signal } = new AbortController();
const root = { username: 'root', password: 'root' };
const networks = [{ nic: 'eth0', network: 'rednet' }];
const provider = { by: 'provider' as const, networks };
const lease = { lease: 'l', project: 'red', servers: ['n1', 'n2'], attestation: provider };

/** Nodes n1 and n2 are free; red is who leases them. */
async function start(t: ExecutionContext, { isAway = false } = {}) {
	const bench = await startAirlock(t);
	const hil = createHilClient({ url: bench.hil.url, ...root });
	const verifier = createVerifierClient({
		url: isAway ? 'http://127.0.0.1:9' : bench.attest.url,
		credential: root,
	});
	t.teardown(async () => {
		await verifier.close();
		await hil.close();
	});
	const shared = { hil, clock: systemClock, check: () => undefined };
	const inner = createHilFulfilment(shared);
	const fulfilment = createAttestedFulfilment({
		...{ ...shared, inner, verifier, airlock: 'airlock', logger: silentLogger },
	});
	const owners = () => Promise.all(['n1', 'n2'].map(bench.projectOf));
	/** Admissions of nodes that go on proving themselves. */
	const proving = new Set<string>();
	/** Time passes until it is done, or has failed. */
	async function passing<R>(work: Promise<R>): Promise<R> {
		let isOver = false;
		const done = work.finally(() => {
			isOver = true;
		});
		// Looked at below.
		done.catch(() => undefined);
		while (!isOver) {
			bench.hil.clock.advance(100);
			await bench.hil.departures.idle();
			const isIdle = await Promise.race([bench.mover.idle().then(() => true), pause(20, false)]);
			for (const admission of proving) await bench.judge(admission);
			if (isIdle) bench.attest.clock.advance(100);
			await pause(5);
		}
		return done;
	}
	/** The passage of a node that waits for evidence. */
	async function waiting(node: string): Promise<string> {
		for (const end = Date.now() + 60_000; Date.now() < end; await pause(20)) {
			const found = (await verifier.passages()).find(each => each.node === node);
			if (!found) continue;
			await bench.until(({ stage }) => stage === 'evidence', found.id);
			return found.id;
		}
		throw new Error(`nobody asks for a passage of ${node}`);
	}
	/** `why` it is refused; it is good when absent. */
	const judge = async (node: string, why?: Cause): Promise<void> => {
		const { admission } = await bench.show(await waiting(node));
		await bench.judge(admission, why);
		if (!why && admission !== null) proving.add(admission);
	};
	/** What it shows from now on is not good any more. */
	const spoil = async (passage: string): Promise<void> => {
		const { admission } = await bench.show(passage);
		proving.delete(admission ?? '');
		await bench.judge(admission, refused);
	};
	return { ...bench, spoil, verifier, fulfilment, owners, passing, judge, waiting, atHil: hil };
}

const doingOf = async (t: ExecutionContext, work: Promise<void>) => {
	const fault = await t.throwsAsync(work);
	return fault instanceof DeliveryRefused ? fault.doing : null;
};

test('servers come through the airlock onto the lessee’s networks, and go back; either can be asked again', async t => {
	const { fulfilment, owners, passing, judge, verifier, carried, vlans } = await start(t);
	const delivery = fulfilment.deliver(lease, signal);
	await judge('n1');
	await judge('n2');
	await passing(delivery);
	t.deepEqual(await owners(), ['red', 'red']);
	t.deepEqual(carried('gi1/0'), { native: vlans.rednet, tagged: [] });
	t.deepEqual(carried('gi2/0'), { native: vlans.rednet, tagged: [] });
	await fulfilment.deliver(lease, signal);
	t.is((await verifier.passages(true)).length, 2);

	await passing(fulfilment.takeBack(lease, signal));
	t.deepEqual(await owners(), [null, null]);
	t.deepEqual(await verifier.passages(), []);
	t.deepEqual(carried('gi1/0'), { native: null, tagged: [] });
	await passing(fulfilment.takeBack(lease, signal));
});

/** A lease of green's n1 and n2 to blue for 100 seconds at 2, of which n2 is refused until it has failed, after 61. */
async function failing(t: ExecutionContext, why: Cause) {
	const { fulfilment, owners, passing, judge, verifier } = await start(t);
	const { store, ...market } = await someMarket();
	const clock = new FakeClock(now * 1000);
	await store.transact(async tx => {
		for (const name of ['n1', 'n2'])
			await recordServer(tx, { name, owner: 'green', properties: {}, attestations: [] }, now);
	});
	await market.offer({ project: 'green', servers: { names: ['n1', 'n2'] }, price: '2' });
	const terms = { ...bidTerms, length: 100, latest: now };
	const booked = await market.bid('k', terms);
	if (booked.outcome !== 'leased') throw new Error(booked.outcome);
	// hil's projects are the airlock bench's: there, the lessee is red.
	const atBench = <T extends { project: string }>(handover: T) => ({ ...handover, ...lease });
	const driver = createLeaseDriver({
		store,
		fulfilment: {
			deliver: (handover, own) => fulfilment.deliver(atBench(handover), own),
			takeBack: (handover, own) => fulfilment.takeBack(atBench(handover), own),
		},
		...{ patience: 60, clock, random: () => 0.5, logger: silentLogger },
		...{ onFreed: () => undefined, onChange: () => undefined },
	});
	t.teardown(() => driver.close());
	driver.wake(booked.id);
	await judge('n1');
	await judge('n2', why);
	await passing(driver.idle());
	t.deepEqual(await owners(), [null, 'rejected'], 'the other one does not stay');
	t.deepEqual(await verifier.passages(), []);
	const seen = async () => store.read(tx => tx.get(leases, booked.id));
	const problem = (await seen())?.problem ?? '';
	t.regex(problem, /n2 is reject\w+ in passage .*PcrNotAllowed: PCR 4 is another/);
	for (let second = 0; second < 61; second++) {
		clock.advance(1000);
		await passing(driver.idle());
	}
	t.deepEqual(await owners(), [null, 'rejected'], 'nobody asks for it to be let out again');
	t.deepEqual(await store.read(checkBook), []);
	const { state, delays } = (await seen()) ?? {};
	const { balance, held } = await store.read(tx => showCredits(tx, 'blue'));
	return { problem, state, delays, balance, held };
}

test('a lease of which one server is refused has none: its owner answers, and the credits are back', async t => {
	const failed = await failing(t, refused);
	// A tenth of 2 servers at 2 for 100 seconds, of what the owner has.
	t.like(failed, { state: 'failed', delays: [{ by: 'green', seconds: 100 }], balance: '0.01004', held: '0' });
	const missed = { verdict: 'missed', reason: 'PcrNotAllowed: PCR 7 is another' } as const;
	const both = await failing(t, { ...refused, standard: missed });
	t.like(both, { state: 'failed', delays: [{ by: 'green', seconds: 100 }], balance: '0.01004', held: '0' });
	t.regex(both.problem, /does not meet the site's own policy either\.$/);
});

test('a server that meets the site’s own policy, and the lessee’s refuses: for as long as it is kept so, the lessee answers', async t => {
	const failed = await failing(t, { ...refused, standard: { verdict: 'met', reason: null } });
	// The lease has failed after 60 seconds: a tenth of 2 servers at 2 for these, and nothing for the 40 that were left.
	t.like(failed, { state: 'failed', delays: [{ by: 'blue', seconds: 60 }], balance: '0.009976', held: '0' });
	t.regex(failed.problem, /meets the site's own policy: it is the project's alone that refuses it\.$/);
	const untold = await failing(t, { ...refused, standard: { verdict: 'untold', reason: null } });
	t.like(untold, { state: 'failed', delays: [], balance: '0.01', held: '0' });
});

test('who withdraws what a node was to be admitted by has to answer for it, as who has no such network', async t => {
	const { fulfilment, owners, passing, waiting, verifier, attest } = await start(t);
	const one = { ...lease, servers: ['n1'] };
	const cancelled = doingOf(t, fulfilment.deliver(one, signal));
	await attest.ok('POST', `/verifier/v1/passages/${await waiting('n1')}/cancel`, {}, 'alice');
	t.is(await passing(cancelled), 'project');
	const foreign = { ...provider, networks: [{ nic: 'eth0', network: 'bluenet' }] };
	t.is(await doingOf(t, fulfilment.deliver({ ...one, attestation: foreign }, signal)), 'project');
	const unknown = { ...provider, policy: 'none such' };
	t.is(await doingOf(t, fulfilment.deliver({ ...one, attestation: unknown }, signal)), 'project');
	t.deepEqual(await doingOf(t, fulfilment.deliver({ ...one, servers: ['n9'] }, signal)), { server: 'n9' });
	t.deepEqual([await owners(), await verifier.passages()], [[null, null], []]);
});

test('a node that shows nothing until time is over is its owner’s doing, and goes back', async t => {
	const { fulfilment, owners, passing, waiting, verifier } = await start(t);
	const over = new AbortController();
	const silent = doingOf(t, fulfilment.deliver({ ...lease, servers: ['n1'] }, over.signal));
	await waiting('n1');
	over.abort();
	t.deepEqual(await passing(silent), { server: 'n1' });
	await passing(fulfilment.takeBack(lease, signal));
	t.deepEqual([await owners(), await verifier.passages()], [[null, null], []]);
});

test('a node that has proven itself waits for its payload; who releases none answers for that', async t => {
	const { fulfilment, owners, passing, judge, waiting, verifier } = await start(t);
	const over = new AbortController();
	const attestation = { ...provider, payload: true };
	const delivery = doingOf(t, fulfilment.deliver({ ...lease, servers: ['n1'], attestation }, over.signal));
	const passage = await waiting('n1');
	t.true((await verifier.passage(passage)).payload);
	await judge('n1');
	over.abort();
	t.is(await passing(delivery), 'project');
	await passing(fulfilment.takeBack({ ...lease, servers: ['n1'] }, signal));
	t.deepEqual(await owners(), [null, null]);
});

test('while who attests is away nobody answers for it; nodes that need none come and go all the same', async t => {
	const { fulfilment, owners, passing, hil } = await start(t, { isAway: true });
	t.is(await doingOf(t, fulfilment.deliver(lease, signal)), null);
	t.deepEqual(await owners(), [null, null]);
	const plain = { ...lease, attestation: undefined };
	await fulfilment.deliver(plain, signal);
	t.deepEqual(await owners(), ['red', 'red']);
	await passing(fulfilment.takeBack(plain, signal));
	t.deepEqual(await owners(), [null, null]);
	// One in the airlock would come out into the project: it is not taken to be back.
	await hil.ok('POST', '/v0/project/airlock/connect_node', { node: 'n1' });
	t.is(await doingOf(t, fulfilment.takeBack(plain, signal)), null);
});

test('free nodes that wait in the airlock are handed over by passages that attest nothing', async t => {
	const { fulfilment, owners, passing, hil, verifier } = await start(t);
	await hil.ok('POST', '/v0/project/airlock/connect_node', { node: 'n1' });
	const plain = { ...lease, attestation: { by: 'none' as const } };
	await passing(fulfilment.deliver(plain, signal));
	t.deepEqual(await owners(), ['red', 'red']);
	t.like(await verifier.passages(), [{ node: 'n1', attestation: 'none', state: 'inside', networks: [] }]);
	await passing(fulfilment.takeBack(plain, signal));
	t.deepEqual(await verifier.passages(), []);
});

test('a node that is cut off during its lease is seen to be; so is one that hil has released, and one that comes in again', async t => {
	const { fulfilment, passing, judge, waiting, verifier, until, spoil, atHil } = await start(t);
	const delivery = fulfilment.deliver(lease, signal);
	await judge('n1');
	await judge('n2');
	await passing(delivery);
	const standings = async () => Object.fromEntries((await fulfilment.inspect?.([lease])) ?? []);
	t.deepEqual(await standings(), { n1: 'held', n2: 'held' });
	const inside = (await verifier.passages()).find(({ node }) => node === 'n1')?.id ?? '';
	await spoil(inside);
	await until(({ state }) => state === 'cut', inside);
	t.like(await standings(), { n1: { code: refused.code }, n2: 'held' });

	await verifier.pass({ node: 'n1', project: 'red', networks });
	await waiting('n1');
	t.deepEqual(await standings(), { n2: 'held' }, 'on its way in again: nothing can be told of it');
	await judge('n1');
	await until(({ state }) => state === 'inside', (await verifier.passages())[0]?.id ?? '');
	t.deepEqual(await standings(), { n1: 'held', n2: 'held' });

	const left = (await verifier.passages()).find(({ node }) => node === 'n2')?.id ?? '';
	await atHil.release('red', 'n2');
	await passing(until(({ state }) => state === 'left', left));
	t.like(await standings(), { n1: 'held', n2: { code: 'NodeReleased' } });
});
