// Who may do what on what, for every action of the table, as a page to read: matrix.golden.md.
import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import test from 'ava';
import { createMemoryStore } from '../../common/store/memory-store.fixture.ts';
import { beginDisk } from '../core/disks.ts';
import { beginImage, changeImage, completeImage } from '../core/images.ts';
import { beginUpload } from '../core/uploads.ts';
import { bootings } from '../model/booting.ts';
import { begin } from '../operation/journal.ts';
import { actor } from '../provisioner.fixture.ts';
import { type Arguments, authorize } from './decide.ts';
import { type ActionName, type Rule, rules } from './table.ts';

const golden = new URL('matrix.golden.md', import.meta.url);
const actors = [
	actor('root'),
	actor('member of red', 'red'),
	actor('member of blue', 'blue'),
	actor('member of both', 'red', 'blue'),
	actor('member of none'),
];

type Situations = Readonly<Record<Rule, Readonly<Record<string, Arguments>>>>;

async function furnished() {
	const store = createMemoryStore();
	const world = { actor: actor('root'), now: 1, newId: randomUUID };
	const image = async (visibility: 'private' | 'shared' | 'public'): Promise<string> => {
		const origin = { from: 'upload' } as const;
		return store.transact(async tx => {
			const id = await beginImage(tx, { project: 'red', name: visibility, origin }, world);
			await completeImage(tx, id, { size: 1, sha256: null });
			await changeImage(tx, { image: id, visibility, sharedWith: ['blue'] }, world);
			return id;
		});
	};
	const [closed, shared, open] = [await image('private'), await image('shared'), await image('public')];
	const { id: disk } = await store.transact(tx =>
		beginDisk(tx, { project: 'red', name: 'd', image: closed }, world),
	);
	const operation = await store.transact(tx =>
		begin(
			tx,
			{ kind: 'disk.create', project: 'red', asker: 'alice', disk },
			{ newId: randomUUID, now: 1, firstStage: 'clone' },
		),
	);
	await store.transact(tx =>
		tx.insert(bootings, 'n1', {
			node: 'n1',
			project: 'red',
			disks: [disk],
			rescued: null,
			network: 'boot',
			nic: 'eth0',
			mac: '02:00:00:00:00:01',
			further: [],
			iqn: 'iqn.2026-11.test:d',
			initiator: 'iqn.2026-11.test:n1',
			chap: '',
			hostname: 'n1',
			keys: [],
			userData: null,
			operation: null,
			since: 1,
		}),
	);
	const upload = await store.transact(tx =>
		beginUpload(
			tx,
			{ project: 'red', name: 'u', format: 'raw', origin: { from: 'upload' }, length: 1 },
			world,
		),
	);
	const images = {
		"red's private image": { image: closed },
		"red's image, blue may see it": { image: shared },
		"red's public image": { image: open },
		'no such image': { image: 'none' },
	};
	const situations: Situations = {
		any: { '': {} },
		admin: { '': {} },
		project: { 'project red': { project: 'red' } },
		'image-visible': images,
		'image-own': images,
		'node-and-project': {
			"red's node, to blue": { node: 'n1', project: 'blue' },
			'no such node, to blue': { node: 'none', project: 'blue' },
		},
		node: { "red's node": { node: 'n1' }, 'no such node': { node: 'none' } },
		disk: { "red's disk": { disk }, 'no such disk': { disk: 'none' } },
		operation: { "red's operation": { operation }, 'no such operation': { operation: 'none' } },
		upload: { "red's upload": { upload }, 'no such upload': { upload: 'none' } },
	};
	return { store, situations };
}

const cells: Readonly<Record<string, string>> = { ok: 'yes', Forbidden: '-', NotThere: 'not there' };

test('matrix.golden.md says for every action who may do it on what', async t => {
	const { store, situations } = await furnished();
	const rows: string[] = [];
	for (const [action, rule] of Object.entries(rules) as [ActionName, Rule][]) {
		for (const [situation, args] of Object.entries(situations[rule])) {
			const outcomes: string[] = [];
			for (const who of actors) {
				const code = await store
					.read(tx => authorize(tx, who, action, args))
					.then(
						() => 'ok',
						(error: { code?: string; message: string }) => error.code ?? error.message,
					);
				outcomes.push(cells[code] ?? `fault: ${code}`);
			}
			rows.push(`| ${[action, situation, ...outcomes].join(' | ')} |`);
		}
	}
	const matrix = [
		'# Who may do what',
		'',
		'Every action, tried on things of different owners. `-` is 403; `not there` is 404, also for what is there and not to be seen.',
		'Written by `UPDATE_GOLDEN=1 npx ava provisioner/authorize/matrix.test.ts`; look at what has changed before you commit it.',
		'',
		`| Action | On | ${actors.map(({ name }) => (name === 'root' ? 'administrator' : name)).join(' | ')} |`,
		`|${' --- |'.repeat(2 + actors.length)}`,
		...rows,
		'',
	].join('\n');
	if (process.env.UPDATE_GOLDEN !== undefined) await writeFile(golden, matrix);
	t.is(await readFile(golden, 'utf8'), matrix, 'see how to write it anew, and review what changed');
});
