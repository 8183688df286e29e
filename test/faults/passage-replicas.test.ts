// Two `bimetal attest` on one PostgreSQL bring nodes through the airlock. The one that leads is killed, or hangs, at each change that
// it asks hil for: the other one brings the node in, and what the first has still under way does no harm.
import { setTimeout as pause } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import { goodPolicy } from '../../attest/node.fixture.ts';
import type { SoftAgent } from '../../attest/soft-agent.fixture.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { until } from '../visitor.ts';
import { leaderOf, postAt, startAttestReplicas } from './attest-replicas.ts';
import { type HilCall, openWayToHil, type WayToHil } from './hil-calls.ts';
import { atRest } from './moved-node.ts';
import { isOneAfterTheOther, nothing, type PassageHil, startPassageHil, vlans } from './passage-hil.ts';
import type { Replica } from './replica.ts';

const testReplicas = testNeeding('postgresql-15');
/** Seconds that a busy machine may take. */
const patience = 120;

interface Mover extends Replica {
	/** Its own way to hil. */
	readonly way: WayToHil;
}

interface Site {
	readonly hil: PassageHil;
	readonly movers: readonly [Mover, Mover];
	readonly agents: readonly SoftAgent[];
	/** One more on the same records, that has no airlock; not started. */
	readonly stranger: Replica;
}

async function startSite(t: ExecutionContext, count: number): Promise<Site> {
	const hil = await startPassageHil(t);
	const { agents, create } = await startAttestReplicas(t, count);
	const open = async (name: string): Promise<Mover> => {
		const way = await openWayToHil(t, hil.url);
		const account = { url: way.url, username: 'root', password: `${hil.folder}/hil.password` };
		const names = { project: 'airlock', network: 'airlocknet', rejected: 'rejected' };
		const replica = await create(name, { airlock: { hil: account, ...names, boot: 'by hand' } });
		await replica.start();
		return Object.assign(replica, { way });
	};
	const movers = [await open('one'), await open('two')] as const;
	await movers[0].ok('PUT', '/verifier/v1/policies/red/default', { policy: goodPolicy });
	for (const { node } of agents) await hil.node(node);
	return { hil, movers, agents, stranger: await create('stranger') };
}

const passageOf = async (mover: Mover, { node }: SoftAgent) => {
	const { passages } = await mover.ok('GET', '/verifier/v1/passages?all=true');
	return passages.find((each: { node: string }) => each.node === node);
};

const ask = (mover: Mover, { node }: SoftAgent) =>
	mover.ok('POST', '/verifier/v1/passages', {
		...{ node, project: 'red', networks: [{ nic: 'eth0', network: 'rednet' }] },
		// Longer than the test: nothing runs out by itself.
		lease: 3600,
	});

/** The node does what it should, asking this one, until it is in. */
async function comeIn(mover: Mover, agent: SoftAgent): Promise<void> {
	for (const end = Date.now() + patience * 1000; ; await pause(50)) {
		const { state, stage, trouble } = await passageOf(mover, agent);
		if (state === 'inside') return;
		if (Date.now() > end) throw new Error(`${agent.node} is ${state}, ${stage}: ${trouble}`);
		// There is nothing to attest before it is in the airlock, and after it was found good.
		if (stage === 'evidence') await agent.round(postAt(mover)).catch(() => undefined);
	}
}

/** It is on its tenant's network, came there by way of nothing from the airlock's, and hil says that it is attested. */
async function assertIn(t: ExecutionContext, { hil }: Site, { node }: SoftAgent, how: string): Promise<void> {
	await until(
		() => hil.root.ok<{ project: string; metadata: Record<string, string> }>('GET', `/v0/node/${node}`),
		({ project, metadata }) => project === 'red' && metadata.attested === 'true',
		patience,
	);
	await atRest(hil.root);
	const natives = hil.seen.filter(({ port }) => port === node).map(({ state }) => state.native);
	t.true(isOneAfterTheOther(natives), `${how}: ${natives}`);
	t.deepEqual(hil.carried(node), { native: vlans.rednet, tagged: [] }, how);
}

/** Of the next passage, has something happen at its change of this number; false when it has not so many. */
function atChange(way: WayToHil, number: number, act: (call: HilCall) => Promise<boolean>): () => boolean {
	let changes = 0;
	way.hold = async call => (++changes === number ? act(call) : true);
	return () => changes >= number;
}

testReplicas('the one that moves a node is killed at each change: the other one brings it in', async t => {
	t.timeout(900_000);
	const site = await startSite(t, 16);
	const { movers, agents, stranger } = site;
	await t.throwsAsync(stranger.start(), {
		message: /another airlock in its site file than this one \(none\)/,
	});
	for (const [n, agent] of agents.entries()) {
		const { leader, other } = await leaderOf(movers);
		let killed: Promise<void> | undefined;
		// Every other time hil has heard of it.
		const isReached = atChange(leader.way, n + 1, async ({ deliver }) => {
			if (n % 2 === 1) await deliver();
			killed = leader.kill();
			await killed;
			return false;
		});
		await ask(other, agent);
		await comeIn(other, agent);
		await assertIn(t, site, agent, `killed at change ${n + 1}`);
		leader.way.hold = undefined;
		if (!isReached()) {
			t.log(`${n} changes`);
			t.true(n >= 5, 'too few to show anything');
			return;
		}
		await killed;
		await leader.start();
	}
	t.fail('there are more changes than nodes');
});

testReplicas(
	'one that hangs in the middle of a change is replaced, and what it had under way does no harm',
	async t => {
		t.timeout(900_000);
		const site = await startSite(t, 6);
		const { hil, movers, agents } = site;
		for (const [n, agent] of agents.slice(0, 4).entries()) {
			const { leader, other } = await leaderOf(movers);
			let goOn = (): void => undefined;
			const isIn = new Promise<void>(resolve => {
				goOn = resolve;
			});
			let over: Promise<unknown> = Promise.resolve();
			const asked = other.way.changes.length;
			let askedMeanwhile = 0;
			const isReached = atChange(leader.way, 2 * n + 1, async ({ deliver }) => {
				askedMeanwhile = other.way.changes.length - asked;
				leader.signal('SIGSTOP');
				// It comes to hil when somebody else has long done the same.
				over = isIn.then(deliver);
				await over;
				leader.signal('SIGCONT');
				return true;
			});
			await ask(other, agent);
			await comeIn(other, agent);
			t.true(isReached(), `there is a change ${2 * n + 1}`);
			goOn();
			await over;
			await assertIn(t, site, agent, `hung at change ${2 * n + 1}`);
			t.is(askedMeanwhile, 0, 'one moves nodes at a time');
			leader.way.hold = undefined;
			await until(
				() => leader.call('GET', '/verifier/v1/passages'),
				answer => answer?.status === 200,
				patience,
			);
		}
		// One that leads hangs, and a node that is in shows something else.
		const [bad, good] = agents.slice(4);
		if (!bad || !good) return t.fail();
		const { leader, other } = await leaderOf(movers);
		for (const agent of [bad, good]) {
			await ask(other, agent);
			await comeIn(other, agent);
			await assertIn(t, site, agent, 'undisturbed');
		}
		const asked = leader.way.changes.length;
		leader.signal('SIGSTOP');
		const hung = performance.now();
		bad.tpm.measure(4, Buffer.alloc(32, 1));
		t.like(await bad.round(postAt(other)), { state: 'revoked' });
		await until(
			() => passageOf(other, bad),
			({ state }) => state === 'cut',
			patience,
		);
		t.log(`cut off ${Math.round(performance.now() - hung)} ms after the one that led hung`);
		t.deepEqual(hil.carried(bad.node), nothing);
		leader.signal('SIGCONT');
		t.like(await good.round(postAt(leader)), { state: 'attested' });
		t.is(leader.way.changes.length, asked, 'who has been replaced asks hil for nothing more');
		t.deepEqual(hil.carried(good.node), { native: vlans.rednet, tagged: [] });
	},
);
