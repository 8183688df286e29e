// kill -9 of hil between any two steps of a move, and again while it comes up: looked at on the switch, no node is ever on a
// network of others, and whoever asks again comes to what was wanted.
import test from 'ava';
import { createKillableSite, livesThrough } from './killed-hil.ts';
import { atRest, createCaller, furnish, moveNode, nodeNames, type Team } from './moved-node.ts';
import { strayNodes } from './recorded-truth.ts';

const ports = ['p1', 'p2', 'p3'] as const;

for (const how of ['calls', 'release'] as const) {
	test.serial(`killed at each step of a move by ${how}, and again on the way up`, async t => {
		t.timeout(300_000);
		const site = await createKillableSite(t);
		let hil = await site.start();
		if (!hil) return t.fail();
		await furnish(createCaller(hil.url), { settings: { type: 'urn:test:file' }, ports });

		/** Looks at the switch while hil is dead: nobody but the records can say who may be where. */
		const look = async (when: string) => {
			const truth = await site.records();
			t.deepEqual([...truth.nodes.keys()].sort(), [...nodeNames].sort(), `${when}: a node is lost`);
			t.deepEqual(strayNodes(truth, site.carried), [], when);
			for (const [node, network] of [
				['red-stays', 'rednet'],
				['blue-stays', 'bluenet'],
			] as const) {
				const port = truth.nodes.get(node)?.port ?? '';
				t.deepEqual(
					site.carried(port),
					{ native: truth.vlans[network] ?? 0, tagged: [] },
					`${when}: ${node}`,
				);
			}
			return truth;
		};
		const teams: readonly Team[] = ['red', 'blue'];
		const moments: string[] = [];
		let seen = 0;
		let vlans: Readonly<Record<string, number>> = {};
		for (let killAt = 1; ; killAt++) {
			const to = teams[killAt % 2] as Team;
			await hil.arm(killAt);
			if (await livesThrough(hil, moveNode(createCaller(hil.url), to, how))) {
				moments.push(...(await hil.passed()));
				break;
			}
			({ vlans } = await look(`killed at step ${killAt}`));
			// While it comes up it may be killed as well; any step of that, one after the other.
			const again = 1 + (killAt % 12);
			hil = await site.start(again);
			if (!hil || !(await livesThrough(hil, atRest(createCaller(hil.url))))) {
				seen++;
				await look(`killed at step ${killAt}, and at ${again} on the way up`);
				hil = await site.start();
			}
			if (!hil) return t.fail();
			await hil.arm();
			await moveNode(createCaller(hil.url), to, how);
			const { project } = await createCaller(hil.url).ok<{ project: string }>('GET', '/v0/node/moved');
			t.is(project, to, `killed at step ${killAt}`);
			t.deepEqual(site.carried('p1'), { native: vlans[`${to}net`] ?? 0, tagged: [] });
		}
		t.log(`${moments.length} steps: ${moments.join(', ')}; ${seen} kills on the way up`);
		t.true(moments.length >= 20, 'too few steps: most of a move was not interrupted');
		t.true(moments.filter(each => each === 'port half set').length >= 2);
		t.true(seen > 0, 'no kill on the way up');
		await hil.end();
	});
}
