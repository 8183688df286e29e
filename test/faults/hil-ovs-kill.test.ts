// kill -9 of `bimetal hil` at each message that it has for a real Open vSwitch, which then never comes, or comes true and is never
// answered, or comes when another hil has long gone on. Frames are sent to see who reaches whom.
import type { ExecutionContext } from 'ava';
import type { HeldTransaction } from '../../hil/switches/open-vswitch/relay.fixture.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { type HilCommand, startHilCommand } from './hil-command.ts';
import { writeHilSite } from './hil-site.ts';
import { createCaller, furnish, moveNode, nodeNames, type Team } from './moved-node.ts';
import { readRecords, strayNodes } from './recorded-truth.ts';
import { startWatchedSwitch } from './watched-switch.ts';

const test = testNeeding('openvswitch-switch', 'qemu-system-x86');

async function start(t: ExecutionContext) {
	const rack = await startWatchedSwitch();
	t.teardown(() => rack.close());
	const { config, store } = await writeHilSite(rack.folder);
	let hil: HilCommand | undefined;
	t.teardown(() => hil?.end());
	return {
		rack,
		store,
		async startHil(): Promise<HilCommand> {
			hil = await startHilCommand(config);
			return hil;
		},
	};
}

for (const [title, fate] of [
	['never comes', 'lost'],
	['comes true, and is never answered', 'unanswered'],
	['comes when another hil has long gone on', 'late'],
] as const) {
	test(`killed at each message to the switch, which ${title}`, async t => {
		t.timeout(300_000);
		const { rack, store, startHil } = await start(t);
		let hil = await startHil();
		await furnish(createCaller(hil.url), { settings: rack.settings, ports: [...nodeNames] });
		await hil.stop();
		const { vlans } = await readRecords(store);
		await rack.place({ red: vlans.rednet ?? 0, blue: vlans.bluenet ?? 0 });
		hil = await startHil();
		await rack.assertTogether('red');

		/** Has hil move the node, and kills it when it has so many messages for the switch; the last of them if it was. */
		const moveUntil = async (killAt: number, to: Team): Promise<HeldTransaction | undefined> => {
			let messages = 0;
			let held: HeldTransaction | undefined;
			rack.relay.hold(async transaction => {
				if (++messages !== killAt) return transaction.pass();
				held = transaction;
				if (fate === 'unanswered') await transaction.carryOut();
				hil.kill();
			});
			try {
				await moveNode(createCaller(hil.url), to, 'calls');
				return undefined;
			} catch (fault) {
				if (!held) throw fault;
				t.is(await hil.exit, 'SIGKILL');
				return held;
			} finally {
				rack.relay.hold();
			}
		};
		let kills = 0;
		for (let killAt = 1; ; killAt++) {
			const [to, from] = killAt % 2 === 1 ? (['blue', 'red'] as const) : (['red', 'blue'] as const);
			const said: { text: string; may: readonly Team[] }[] = [];
			const late: HeldTransaction[] = [];
			// The second time it is on its way up, has opened a new connection and looks where it is.
			for (const at of [killAt, 1 + (killAt % 5)]) {
				const held = await moveUntil(at, to);
				if (!held) break;
				kills++;
				late.push(held);
				const truth = await readRecords(store);
				const carried = await rack.carried();
				const when = `killed at message ${killAt}, ${late.length} times`;
				t.deepEqual([...truth.nodes.keys()].sort(), [...nodeNames].sort(), `${when}: a node is lost`);
				t.deepEqual(strayNodes(truth, carried), [], when);
				// It may be passed on only when the node has got where it should be. Nobody has seen a change in force whose
				// action is pending: the switch may go on for a moment by what it remembers, and the node is still the project's.
				const isAtHome = truth.nodes.get('moved')?.project === from;
				said.push({ text: rack.speak(), may: isAtHome ? [from, to] : [to] });
				hil = await startHil();
			}
			if (late.length === 0) {
				t.log(`${kills} kills, at each of ${killAt - 1} messages and again on the way up`);
				t.true(killAt > 6, 'too few messages: most of a move was not interrupted');
				return;
			}
			await moveNode(createCaller(hil.url), to, 'calls');
			await rack.assertTogether(to);
			if (fate === 'late') {
				for (const held of late) await held.carryOut();
				await rack.assertTogether(to);
			}
			for (const { text, may } of said) {
				const heard = rack.heardBy(text);
				t.true(heard.length < 2 && heard.every(team => may.includes(team)), `${text} was heard by ${heard}`);
			}
			t.deepEqual((await rack.carried())('moved'), { native: vlans[`${to}net`] ?? 0, tagged: [] });
		}
	});
}
