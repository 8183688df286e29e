// kill -9 at any moment: the switch never carries what nobody asked for, and the next process ends what was begun.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { openSqliteStore } from '../../common/store/sqlite-store.ts';
import type { Store } from '../../common/store/store.ts';
import { type PortState, planAction } from '../core/actions.ts';
import { actions } from '../model/action.ts';
import { attachments, nativeChannel } from '../model/network.ts';
import { describeState, isSameState } from '../switches/driver.ts';
import { fileSwitchType, readSwitchFile } from './file-switch.fixture.ts';
import { createNetworkBench, portOf } from './network.fixture.ts';

const nothing: PortState = { native: null, tagged: [] };
const child = fileURLToPath(new URL('kill-child.fixture.ts', import.meta.url));

async function recorded(store: Store, node: number): Promise<PortState> {
	const found = await store.read(tx =>
		tx.list(attachments, { where: { index: 'node', equals: `n${node}` } }),
	);
	const on = found.map(({ document }) => document);
	return {
		native: on.find(({ channel }) => channel === nativeChannel)?.vlan ?? null,
		tagged: on.filter(({ channel }) => channel !== nativeChannel).map(({ vlan }) => vlan),
	};
}

test('killed at random moments, what was begun is ended, and no port ever carries anything else', async t => {
	const folder = await mkdtemp(join(tmpdir(), 'hil-kill-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const [file, switchFile] = [join(folder, 'hil.db'), join(folder, 'switch.json')];
	let open = 0;
	for (let round = 0; round < 6; round++) {
		const running = spawn(process.execPath, [child, file, switchFile], {
			stdio: ['ignore', 'pipe', 'inherit'],
		});
		const ended = once(running, 'exit');
		t.teardown(() => running.kill('SIGKILL'));
		await once(running.stdout, 'data');
		await new Promise(resolve => setTimeout(resolve, 20 + Math.random() * 120));
		running.kill('SIGKILL');
		await ended;

		const store = await openSqliteStore({ file });
		const pending = await store.read(tx =>
			tx.list(actions, { where: { index: 'status', equals: 'PENDING' } }),
		);
		open += pending.length;
		const carried = readSwitchFile(switchFile);
		for (const node of [1, 2, 3, 4]) {
			const state = carried[portOf(node)] ?? nothing;
			const id = pending.find(({ document }) => document.node === `n${node}`)?.id;
			const plan = id === undefined ? undefined : await store.read(tx => planAction(tx, id));
			const allowed = [await recorded(store, node)];
			// Between the two a switch carries nothing, which harms nobody.
			if (plan?.kind === 'change') allowed.push(plan.wanted, nothing);
			t.true(
				allowed.some(each => isSameState(each, state)),
				`n${node} carries ${describeState(state)}, not ${allowed.map(describeState).join(' or ')}`,
			);
		}
		await store.close();
	}
	t.true(open > 0, 'no kill fell into an action: the test tested nothing');

	const store = await openSqliteStore({ file });
	t.teardown(() => store.close());
	const last = await createNetworkBench({ store, type: fileSwitchType(switchFile) });
	await last.workers.start();
	await last.workers.idle();
	const all = (await store.read(tx => tx.list(actions))).map(({ document }) => document.status);
	t.deepEqual([...new Set(all)], ['DONE']);
	for (const node of [1, 2, 3, 4]) {
		t.deepEqual(readSwitchFile(switchFile)[portOf(node)] ?? nothing, await recorded(store, node));
	}
	t.log(`${all.length} actions, ${open} of them interrupted`);
	await last.workers.close();
});
