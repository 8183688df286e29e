// Many callers at once, over HTTP and with the store on disk: a node has one owner, and nobody's port is left on a network.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { openSqliteStore } from '../common/store/sqlite-store.ts';
import { type HilBench, startHil } from './hil.fixture.ts';
import { departures } from './model/departure.ts';
import { networks } from './model/network.ts';
import { nodes } from './model/node.ts';

const teams = ['red', 'blue', 'green'] as const;
type Team = (typeof teams)[number];
const rounds = { numRuns: 10 };

/** A project of each team with a member of its name and a network; node n1 in a port of a mock switch. */
async function start(t: ExecutionContext): Promise<HilBench> {
	const folder = await mkdtemp(join(tmpdir(), 'hil-races-'));
	const store = await openSqliteStore({ file: join(folder, 'hil.db') });
	const hil = await startHil(
		{
			teardown: end =>
				t.teardown(async () => {
					await end();
					await store.close();
					await rm(folder, { recursive: true });
				}),
		},
		{ store },
	);
	const type = 'http://schema.massopencloud.org/haas/v0/switches/mock';
	await hil.ok('PUT', '/v0/switch/tor', { type, hostname: 'tor', username: 'u', password: 'p' });
	await hil.ok('PUT', '/v0/node/n1', { obmd: { uri: 'https://p/bmc/n', admin_token: '' } });
	await hil.ok('PUT', '/v0/node/n1/nic/eth0', { macaddr: '' });
	await hil.ok('PUT', '/v0/switch/tor/port/gi1/1');
	await hil.ok('POST', '/v0/switch/tor/port/gi1/1/connect_nic', { node: 'n1', nic: 'eth0' });
	for (const team of teams) {
		await hil.ok('PUT', `/v0/project/${team}`);
		await hil.ok('PUT', `/v0/auth/basic/user/${team}`, { password: team });
		await hil.ok('POST', `/v0/auth/basic/user/${team}/add_project`, { project: team });
		await hil.ok('PUT', `/v0/network/${team}net`, { owner: team, access: team, net_id: '' });
	}
	return hil;
}

const ownerOf = async ({ store }: HilBench): Promise<string | null> =>
	(await store.read(tx => tx.get(nodes, 'n1')))?.project ?? null;

interface Call {
	readonly do: 'connect' | 'detach' | 'attach' | 'take-off' | 'release';
	readonly team: Team;
}
const aCall = (kinds: readonly Call['do'][]): fc.Arbitrary<Call> =>
	fc.record({ do: fc.constantFrom(...kinds), team: fc.constantFrom(...teams) });

/** True when it was taken; being refused is part of the game, anything else is not. */
async function make(hil: HilBench, { do: what, team }: Call): Promise<boolean> {
	const node = { node: 'n1' };
	const network = { network: `${team}net` };
	const calls = {
		connect: [`/v0/project/${team}/connect_node`, node],
		detach: [`/v0/project/${team}/detach_node`, node],
		attach: ['/v0/node/n1/nic/eth0/connect_network', network],
		'take-off': ['/v0/node/n1/nic/eth0/detach_network', network],
		release: [`/v1/project/${team}/release_node`, node],
	} as const;
	const [path, body] = calls[what];
	const { status, text } = await hil.call('POST', path, body, team);
	if (status >= 500 || status === 429) throw new Error(`${what} by ${team}: ${status} ${text}`);
	return status < 300;
}

test('of many callers that want one node at the same time, one gets it, ten times', async t => {
	const hil = await start(t);
	const racers = fc.shuffledSubarray(
		Array.from({ length: 30 }, (_, index) => index),
		{ minLength: 10 },
	);
	const winners: string[] = [];
	await fc.assert(
		fc.asyncProperty(racers, async order => {
			const callers = order.map(index => teams[index % teams.length] as Team);
			const outcomes = await Promise.all(callers.map(team => make(hil, { do: 'connect', team })));
			if (outcomes.filter(each => each).length !== 1) throw new Error(JSON.stringify(outcomes));
			const winner = callers[outcomes.indexOf(true)];
			if ((await ownerOf(hil)) !== winner) throw new Error(`${winner} was told that it has the node`);
			winners.push(String(winner));
			await hil.ok('POST', `/v0/project/${winner}/detach_node`, { node: 'n1' }, winner);
		}),
		rounds,
	);
	t.true(winners.length >= 10);
});

test('whoever was told that it has the node, or has given it back, had it and has', async t => {
	const hil = await start(t);
	let changes = 0;
	await fc.assert(
		fc.asyncProperty(
			fc.array(aCall(['connect', 'detach']), { minLength: 20, maxLength: 40 }),
			async calls => {
				const before = await ownerOf(hil);
				const outcomes = await Promise.all(calls.map(call => make(hil, call)));
				const after = await ownerOf(hil);
				for (const team of teams) {
					const times = (what: Call['do']) =>
						calls.filter((call, index) => call.do === what && call.team === team && outcomes[index]).length;
					const had = Number(before === team) + times('connect');
					const gave = Number(after === team) + times('detach');
					if (had !== gave) throw new Error(`${team} got it ${had} times, and gave or has it ${gave} times`);
					changes += times('connect');
				}
			},
		),
		rounds,
	);
	t.true(changes > 10, `the node changed hands ${changes} times: too few to mean anything`);
});

/** Lets everything that is under way come to rest. */
async function settle(hil: HilBench): Promise<void> {
	for (let passed = 0; passed < 65_000; passed += 5000) {
		for (let turn = 0; turn < 3; turn++) {
			await hil.leases.idle();
			await hil.departures.idle();
			await hil.workers.idle();
		}
		hil.clock.advance(5000);
	}
	await hil.leases.idle();
	await hil.departures.idle();
	await hil.workers.idle();
}

test('leases that end while everybody connects, detaches and releases: one owner, no network of another', async t => {
	t.timeout(120_000);
	const hil = await start(t);
	const calls = fc.array(aCall(['connect', 'detach', 'attach', 'attach', 'take-off', 'release']), {
		minLength: 15,
		maxLength: 30,
	});
	const seen = { ended: 0, attached: 0, owned: 0 };
	await fc.assert(
		fc.asyncProperty(calls, fc.nat(14), fc.constantFrom(...teams), async (script, when, first) => {
			await make(hil, { do: 'connect', team: first });
			const owner = await ownerOf(hil);
			if (owner !== null) {
				const until = new Date(hil.clock.now() + 1000).toISOString();
				await hil.ok('PUT', '/v1/node/n1/lease', { until });
				await make(hil, { do: 'attach', team: owner as Team });
				seen.owned++;
			}
			const made = script.map((call, index) => {
				// In the midst of them the time is up.
				if (index === when) hil.clock.advance(1000);
				return make(hil, call);
			});
			await Promise.all(made);
			await settle(hil);
			const { node, left, own } = await hil.store.read(async tx => {
				const found = await tx.get(nodes, 'n1');
				const wires = (await tx.list(networks)).map(({ document }) => document);
				return {
					node: found,
					left: (await tx.list(departures)).map(({ document }) => document),
					own: wires.filter(({ owner: of }) => of === found?.project).map(({ vlan }) => vlan),
				};
			});
			const port = hil.mocks.at('tor').ports.get('gi1/1') ?? { native: null, tagged: [] };
			const carried = [...port.tagged, ...(port.native === null ? [] : [port.native])];
			const stray = carried.filter(vlan => !own.includes(vlan));
			if (stray.length > 0) throw new Error(`n1 of ${node?.project} is on ${stray}`);
			if (node?.leaving) throw new Error('it is leaving for ever');
			if (left.some(({ status }) => status !== 'DONE'))
				throw new Error('a departure has not come to its end');
			seen.ended = left.length;
			if (carried.length > 0) seen.attached++;
		}),
		rounds,
	);
	t.log(seen);
	t.true(seen.ended >= 3, `${seen.ended} departures: too few to mean anything`);
});
