// Two `bimetal attest` on one PostgreSQL: whichever a node asks, its admission goes one way, also when one of them is killed.
import { createServer } from 'node:http';
import type { ExecutionContext } from 'ava';
import { goodPolicy } from '../../attest/node.fixture.ts';
import { answersPath, type SoftAgent } from '../../attest/soft-agent.fixture.ts';
import { listen } from '../../common/http/listen.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { until } from '../visitor.ts';
import { leaderOf, postAt, startAttestReplicas } from './attest-replicas.ts';
import type { Replica } from './replica.ts';

const testReplicas = testNeeding('postgresql-15');
/** Seconds that a busy machine may take. */
const patience = 120;

interface Site {
	readonly replicas: readonly [Replica, Replica];
	/** One more with the same records, by a key file of its own; not started. */
	readonly stranger: Replica;
	/** Revocations that a subscriber of the project was told of: by admission. */
	readonly told: Map<string, { readonly code: string }>;
	readonly agents: readonly SoftAgent[];
}

async function startSite(t: ExecutionContext, count: number): Promise<Site> {
	const { agents, create } = await startAttestReplicas(t, count);
	const told: Site['told'] = new Map();
	const subscriber = await listen(
		createServer((request, response) => {
			let body = '';
			request.on('data', chunk => {
				body += chunk;
			});
			request.on('end', () => {
				const revocation = JSON.parse(body) as { admission: string; code: string };
				told.set(revocation.admission, revocation);
				response.writeHead(204).end();
			});
		}),
		{ host: '127.0.0.1', port: 0 },
	);
	t.teardown(() => subscriber.close(0));
	const replicas = [await create('one'), await create('two')] as const;
	for (const each of replicas) await each.start();
	const [one, two] = replicas;
	await one.ok('PUT', '/verifier/v1/policies/red/default', { policy: goodPolicy });
	const url = `http://127.0.0.1:${subscriber.port}/told`;
	await two.ok('POST', '/verifier/v1/subscriptions/red', { url });
	return { replicas, stranger: await create('stranger', { key: 'other.key' }), told, agents };
}

const admit = async (replica: Replica, { node }: SoftAgent, lease = 3600): Promise<string> =>
	(await replica.ok('POST', '/verifier/v1/admissions', { node, project: 'red', interval: 1, lease })).id;
const show = (replica: Replica, id: string) => replica.ok('GET', `/verifier/v1/admissions/${id}`);

testReplicas(
	'any verifier answers any node, two at once take one answer, and either may be killed',
	async t => {
		t.timeout(600_000);
		const { replicas, stranger, told, agents } = await startSite(t, 8);
		const [one, two] = replicas;
		await t.throwsAsync(stranger.start(), {
			message: /is not the one that the verifiers of this store have/,
		});

		// Asked at one and answered at the other, from the first round on.
		const ids: string[] = [];
		for (const agent of agents) ids.push(await admit(one, agent));
		for (const [n, agent] of agents.entries()) {
			const [asked, answered] = n % 2 ? [one, two] : [two, one];
			for (let round = 0; round < 2; round++) {
				const body = agent.prepare(await agent.ask(postAt(asked)));
				t.like(await postAt(answered)(answersPath, body), { state: 'attested', refusal: null });
			}
		}

		// Of two good answers at once one is taken, and the other does no harm.
		const [agent, id = ''] = [agents[0], ids[0]];
		if (!agent) throw new Error('there are agents');
		for (let n = 0; n < 20; n++) {
			const questions = [await agent.ask(postAt(one)), await agent.ask(postAt(two))];
			// The same one twice, or each its own.
			const bodies = n % 2 ? questions.map(agent.prepare) : Array(2).fill(agent.prepare(questions[0] ?? {}));
			const said = await Promise.allSettled(
				bodies.map((body, where) => postAt(where ? two : one)(answersPath, body)),
			);
			const taken = said.filter(each => each.status === 'fulfilled');
			t.is(taken.length, 1);
			t.like(taken[0]?.value, { state: 'attested', refusal: null });
			t.is(said.find(each => each.status === 'rejected')?.reason.message, 'NonceOver');
		}
		t.like(await show(two, id), { state: 'attested', records: 22, strays: 0 });

		// What one revokes, where another one leads, is told at once by that one.
		const { leader, other } = await leaderOf(replicas);
		const [bad, badId = ''] = [agents[1], ids[1]];
		bad?.tpm.measure(4, Buffer.alloc(32, 1));
		t.like(await bad?.round(postAt(other)), { state: 'revoked' });
		await until(async () => told.get(badId), Boolean, patience);
		t.is(told.get(badId)?.code, 'PcrChanged');

		// The one that leads is killed while nodes answer at both.
		const refusedId = await admit(other, agents[1] as SoftAgent, 20);
		bad?.tpm.measure(4, Buffer.alloc(32, 2));
		t.like(await bad?.round(postAt(other)), { state: 'rejected' });
		const [last, lastId = ''] = [agents[7], ids[7]];
		await other.ok('POST', `/verifier/v1/admissions/${lastId}/end`, {});
		const shortId = await admit(other, last as SoftAgent, 20);
		t.like(await last?.round(postAt(other)), { state: 'attested' });
		const taken = new Map<string, number>();
		const working = agents.slice(2, 7).map(async (each, n) => {
			const admission = ids[n + 2] ?? '';
			for (let round = 0; round < 30; round++) {
				const at = postAt((round + n) % 2 ? leader : other);
				const done = await each.round(at).catch((fault: Error) => fault.message);
				if (typeof done !== 'string') {
					if (done.state !== 'attested' || done.refusal !== null) throw new Error(JSON.stringify(done));
					taken.set(admission, (taken.get(admission) ?? 0) + 1);
				} else if (!/^(gone|NonceOver)$/.test(done)) throw new Error(done);
			}
		});
		await until(
			async () => taken.size,
			size => size >= 3,
			patience,
		);
		await leader.kill();
		await Promise.all(working);
		for (const [n, each] of agents.slice(2, 7).entries()) {
			const admission = ids[n + 2] ?? '';
			t.like(await each.round(postAt(other)), { state: 'attested', refusal: null });
			const { records, state, strays } = await show(other, admission);
			t.like({ state, strays }, { state: 'attested', strays: 0 });
			// Two before, one now, and all that were acknowledged; one may have been taken whose answer was lost.
			const acknowledged = 3 + (taken.get(admission) ?? 0);
			t.true(records === acknowledged || records === acknowledged + 1, `${records}, ${acknowledged}`);
		}
		// Another one leads, and tells of a node that has fallen silent.
		await until(() => other.leads(), Boolean, patience);
		await until(async () => told.get(shortId), Boolean, patience);
		t.is(told.get(shortId)?.code, 'Silent');
		t.false(told.has(refusedId), 'it was never attested');
		t.like(await show(other, shortId), { state: 'revoked', code: 'Silent' });

		// The one that was killed comes back to the same.
		await leader.start();
		t.like(await agents[2]?.round(postAt(leader)), { state: 'attested', refusal: null });
	},
);
