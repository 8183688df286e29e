// A real Open vSwitch that is away for a minute, does half of what it is asked for and says no, or comes back without what it
// was set to, at each step of a move; and two who want one node at the same time. Frames are sent to see who reaches whom.
import { setImmediate as turn } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import { type HilBench, startHil } from '../../hil/hil.fixture.ts';
import { openVswitchType } from '../../hil/switches/open-vswitch/driver.ts';
import type { HeldTransaction } from '../../hil/switches/open-vswitch/relay.fixture.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { type Caller, furnish, moveNode, nodeNames, type Team } from './moved-node.ts';
import { recordsOf, strayNodes } from './recorded-truth.ts';
import { startWatchedSwitch, type WatchedSwitch } from './watched-switch.ts';

const test = testNeeding('openvswitch-switch', 'qemu-system-x86');

interface Site {
	readonly hil: HilBench;
	readonly rack: WatchedSwitch;
	readonly caller: Caller;
	readonly vlans: Readonly<Record<Team, number>>;
	/** Throws when the switch has a node on a VLAN that its project has no network of, or a node is lost. */
	assertNobodyStrays(when: string): Promise<void>;
	/** Lets time pass until this has come to an end. */
	drive<R>(asked: Promise<R>): Promise<R>;
	/** Lets so many milliseconds pass, and what falls due be done. */
	pass(ms: number): Promise<void>;
}

async function start(t: ExecutionContext): Promise<Site> {
	const rack = await startWatchedSwitch();
	t.teardown(() => rack.close());
	const hil = await startHil(t, {
		types: [openVswitchType({ ca: undefined })],
		checks: { every: 24 * 3_600_000, repair: true },
	});
	const caller: Caller = {
		call: hil.call,
		ok: (...args) => hil.ok(...args) as Promise<never>,
	};
	await furnish(caller, { settings: rack.settings, ports: [...nodeNames] });
	const { vlans: of } = await recordsOf(hil.store);
	const vlans = { red: of.rednet ?? 0, blue: of.bluenet ?? 0 };
	await rack.place(vlans);
	await rack.assertTogether('red');
	const pass: Site['pass'] = async ms => {
		for (let passed = 0; passed < ms; passed += 500) {
			hil.clock.advance(500);
			await hil.workers.idle();
			await turn();
		}
	};
	return {
		hil,
		rack,
		caller,
		vlans,
		pass,
		async assertNobodyStrays(when) {
			const truth = await recordsOf(hil.store);
			const stray = strayNodes(truth, await rack.carried());
			if (stray.length > 0) throw new Error(`${when}: ${stray.join(', ')}`);
			if (truth.nodes.size !== nodeNames.length) throw new Error(`${when}: a node is lost`);
		},
		async drive(asked) {
			let isOver = false;
			const over = asked.finally(() => {
				isOver = true;
			});
			// It may reject before anybody waits for it.
			over.catch(() => undefined);
			while (!isOver) await pass(500);
			return over;
		},
	};
}

/** Deals with one transaction of those that are wanted, by its number; resolves when that has come. */
function dealWith(
	{ rack }: Site,
	number: number,
	isWanted: (transaction: HeldTransaction) => boolean,
	deal: (transaction: HeldTransaction) => Promise<void>,
): Promise<'came'> {
	let count = 0;
	return new Promise((resolve, reject) => {
		rack.relay.hold(transaction => {
			if (!isWanted(transaction) || ++count !== number) return transaction.pass();
			deal(transaction).then(() => resolve('came'), reject);
		});
	});
}

for (const [title, isDone] of [
	['before a message comes', false],
	['after a message has come true, unanswered', true],
] as const) {
	test(`away for a minute ${title}, at each step of a move`, async t => {
		t.timeout(240_000);
		const site = await start(t);
		const { rack, hil } = site;
		for (let at = 1; ; at++) {
			const when = `away at message ${at}`;
			const [to, from] = at % 2 === 1 ? (['blue', 'red'] as const) : (['red', 'blue'] as const);
			const any = () => true;
			const came = dealWith(site, at, any, async transaction => {
				if (isDone) await transaction.carryOut();
				rack.relay.goAway();
			});
			const move = moveNode(site.caller, to, 'calls');
			if ((await Promise.race([came, move])) !== 'came') {
				t.log(`${at - 1} messages`);
				t.true(at > 6, 'too few messages: most of a move was not interrupted');
				return;
			}
			await site.pass(60_000);
			await site.assertNobodyStrays(when);
			t.like(await hil.ok('GET', '/v1/switch/s'), { queued: 1, reachable: false }, when);
			for (const team of [from, to])
				t.is((await hil.call('DELETE', `/v0/network/${team}net`)).status, 409, `${when}: it is in use`);
			const { project } = (await hil.ok('GET', '/v0/node/moved')) as { project: string | null };
			const text = rack.speak();
			rack.relay.comeBack();
			await site.drive(move);
			await rack.assertTogether(to);
			await site.assertNobodyStrays(when);
			const may = project === from ? [from, to] : [to];
			const heard = rack.heardBy(text);
			t.true(heard.length < 2 && heard.every(team => may.includes(team)), `${when}: heard by ${heard}`);
		}
	});
}

type Operations = HeldTransaction['operations'];
const without = (isLeftOut: (operation: Operations[number]) => boolean) => (all: Operations) =>
	all.filter(operation => !isLeftOut(operation));
const isEffect = ({ op, table }: Operations[number]) =>
	op !== 'wait' && (table === 'Port' || table === 'Bridge');

/** What a switch does of a change before it says no. */
const halves: readonly [title: string, (operations: Operations) => Operations][] = [
	['nothing', without(isEffect)],
	['its VLANs, but not its bridge', without(({ op, table }) => op === 'mutate' && table === 'Bridge')],
	['its bridge, but not its VLANs', without(({ op, table }) => op === 'update' && table === 'Port')],
	['all of it', operations => operations],
];

for (const [title, half] of halves) {
	const refuse = async (transaction: HeldTransaction): Promise<void> => {
		await transaction.carryOut(half(transaction.operations));
		transaction.refuse('constraint violation');
	};

	test(`a switch says no to a change and has done ${title}: the port is as before, and seen to be`, async t => {
		t.timeout(120_000);
		const site = await start(t);
		const { rack } = site;
		const nothing = { native: null, tagged: [] };
		// The first change takes it off red's network, the second one puts it on blue's.
		for (const [number, before] of [
			[1, { native: site.vlans.red, tagged: [] }],
			[2, nothing],
		] as const) {
			const came = dealWith(site, number, ({ isChange }) => isChange, refuse);
			const move = moveNode(site.caller, 'blue', 'calls');
			await t.throwsAsync(move, { message: /could not be changed: .*constraint violation/ });
			await came;
			await site.assertNobodyStrays(`change ${number}`);
			t.deepEqual((await rack.carried())('moved'), before);
			if (number === 1) await rack.assertTogether('red');
		}
		rack.relay.hold();
		await moveNode(site.caller, 'blue', 'calls');
		await rack.assertTogether('blue');
	});

	test(`a switch says no to every change and does ${title}: nobody is where nobody knows of`, async t => {
		t.timeout(120_000);
		const site = await start(t);
		const { rack, hil } = site;
		for (const [to, from] of [
			['blue', 'red'],
			['red', 'blue'],
		] as const) {
			let refused = 0;
			rack.relay.hold(transaction => {
				if (!transaction.isChange) return transaction.pass();
				refused++;
				return refuse(transaction);
			});
			const path = '/v0/node/moved/nic/eth0/detach_network';
			const { status_id } = (await hil.ok('POST', path, { network: `${from}net` })) as { status_id: string };
			await site.pass(10_000);
			t.true(refused > 0);
			await site.assertNobodyStrays(`taken off ${from}`);
			const { status } = (await hil.ok('GET', `/v1/action/${status_id}`)) as { status: string };
			const here = { native: site.vlans[from], tagged: [] };
			if (status === 'ERROR') t.deepEqual((await rack.carried())('moved'), here);
			else t.is(status, 'PENDING');
			const leave = await hil.call('POST', `/v0/project/${from}/detach_node`, { node: 'moved' });
			t.is(leave.status, 409);
			t.is((await hil.call('DELETE', `/v0/network/${from}net`)).status, 409);
			rack.relay.hold();
			await site.pass(61_000);
			await site.drive(moveNode(site.caller, to, 'calls'));
			await rack.assertTogether(to);
		}
	});
}

test('a switch that was away and comes back without what it was set to is put right as soon as it answers', async t => {
	const site = await start(t);
	const { rack, hil, vlans } = site;
	rack.relay.goAway();
	await hil.ok('POST', '/v0/node/moved/nic/eth0/detach_network', { network: 'rednet' });
	await site.pass(10_000);
	await rack.setByHand('red-stays', { native: vlans.blue, tagged: [] });
	await rack.setByHand('blue-stays', { native: null, tagged: [] });
	await rack.setByHand('moved', { native: vlans.blue, tagged: [vlans.red] });
	rack.relay.comeBack();
	await site.pass(61_000);
	await site.assertNobodyStrays('back');
	const { drifted } = (await hil.ok('GET', '/v1/switch/s')) as {
		drifted: { port: string; repaired: boolean }[];
	};
	t.deepEqual(drifted.map(({ port, repaired }) => `${port} ${repaired}`).sort(), [
		'blue-stays true',
		'red-stays true',
	]);
	for (const team of ['blue', 'red'] as const) {
		await site.drive(moveNode(site.caller, team, 'calls'));
		await rack.assertTogether(team);
	}
});

test('of two that want a node and their network on it at the same time, one gets both, and is heard by nobody else', async t => {
	t.timeout(240_000);
	const site = await start(t);
	const { rack, hil, caller } = site;
	const teams = ['red', 'blue'] as const;
	const nic = { node: 'moved', nic: 'eth0' };
	/** True when the node was to be had. */
	const take = async (team: Team): Promise<boolean> => {
		const { status, body } = await caller.call('POST', '/v1/changes', {
			steps: [
				{ do: 'connect_node', project: team, node: 'moved' },
				{ do: 'connect_network', ...nic, network: `${team}net` },
			],
		});
		if (status >= 300) return false;
		const { id } = body as { id: string };
		const { status: ending } = await caller.ok<{ status: string }>('GET', `/v1/change/${id}?wait=30000`);
		t.is(ending, 'DONE');
		return true;
	};
	const giveBack = async (team: Team): Promise<void> => {
		const { actions } = await caller.ok<{ actions: [string] }>('POST', '/v1/changes', {
			steps: [{ do: 'detach_network', ...nic, network: `${team}net` }],
		});
		await caller.ok('GET', `/v1/action/${actions[0]}?wait=30000`);
		await caller.ok('POST', `/v0/project/${team}/detach_node`, { node: 'moved' });
	};
	await site.drive(giveBack('red'));
	let owner: Team | undefined;
	let spoken = 0;
	for (let round = 0; round < 12; round++) {
		const said: string[] = [];
		// Whoever had it last gives it back while the others already ask, again and again until one of them has it.
		const returned = owner === undefined ? Promise.resolve() : giveBack(owner);
		const until = async (): Promise<Team> => {
			for (;;) {
				const order = round % 2 === 0 ? teams : teams.toReversed();
				const won = await Promise.all(order.map(take));
				t.true(won.filter(each => each).length < 2, `round ${round}: two were told that they have it`);
				const winner = order[won.indexOf(true)];
				if (winner) return winner;
				said.push(rack.speak());
			}
		};
		const [winner] = await site.drive(Promise.all([until(), returned]));
		const { project } = (await hil.ok('GET', '/v0/node/moved')) as { project: string };
		t.is(project, winner, `round ${round}`);
		t.deepEqual((await rack.carried())('moved'), { native: site.vlans[winner], tagged: [] });
		await rack.assertTogether(winner);
		await site.assertNobodyStrays(`round ${round}`);
		// Said before it had changed hands: whoever had it may have heard that, as long as the switch took.
		const heard = new Set(said.flatMap(text => rack.heardBy(text)));
		t.true(
			[...heard].every(team => team === owner),
			`round ${round}: heard by ${[...heard]}`,
		);
		owner = winner;
		spoken += said.length;
	}
	t.log(`${spoken} words while it changed hands`);
	t.true(spoken > 0, 'nobody had to wait for the other: nothing was raced for');
});
