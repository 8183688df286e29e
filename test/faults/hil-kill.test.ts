// kill -9 of hil between any two steps of a move, and again while it comes up: looked at on the switch, no node is ever on a
// network of others, and whoever asks again comes to what was wanted.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { PortState } from '../../hil/core/actions.ts';
import { type ChildHil, startChildHil } from './child-hil.ts';
import { readSwitchFile } from './file-switch.fixture.ts';
import { writeHilSite } from './hil-site.ts';
import { atRest, createCaller, furnish, moveNode, nodeNames, type Team } from './moved-node.ts';
import { readRecords, strayNodes } from './recorded-truth.ts';

const nothing: PortState = { native: null, tagged: [] };
const ports = ['p1', 'p2', 'p3'] as const;

async function createSite(t: ExecutionContext) {
	const folder = await mkdtemp(path.join(tmpdir(), 'hil-faults-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const { config, store } = await writeHilSite(folder);
	const switchFile = path.join(folder, 'switch.json');
	const carried = (port: string): PortState => readSwitchFile(switchFile)[port] ?? nothing;
	let running: ChildHil | undefined;
	t.teardown(() => running?.end());
	return {
		carried,
		records: () => readRecords(store),
		/** Undefined when it was killed on the way up. */
		async start(killAt?: number): Promise<ChildHil | undefined> {
			running = await startChildHil(config, { switchFile, ...(killAt !== undefined && { killAt }) });
			return running;
		},
	};
}

/** Whether hil is still there at the end of what was asked of it; false when it was killed meanwhile. */
async function livesThrough(hil: ChildHil, asked: Promise<void>): Promise<boolean> {
	try {
		await asked;
		return true;
	} catch (fault) {
		// It fails because hil is dead, or for a reason that the test should tell.
		const late = new Promise<never>((_, reject) => setTimeout(reject, 10_000, fault).unref());
		return (await Promise.race([hil.exit, late])) !== 'SIGKILL';
	}
}

for (const how of ['calls', 'release'] as const) {
	test.serial(`killed at each step of a move by ${how}, and again on the way up`, async t => {
		t.timeout(300_000);
		const site = await createSite(t);
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
