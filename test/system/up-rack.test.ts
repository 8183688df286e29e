// `bimetal up --rack`: the whole site before virtual servers, of which one boots from a disk of the provisioner's.
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createTerminal } from '../../cli/test-terminal.ts';
import { findChildren } from '../../common/processes/children.ts';
import { buildGuest } from '../../qemu/guest/guest.ts';
import { rackFolders } from '../../qemu/rack/rack-folders.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { startSite } from '../site.ts';
import { until } from '../visitor.ts';
import { rackParts } from './provisioned-rack.ts';

const test = testNeeding(...rackParts, 'xorriso', 'swtpm', 'swtpm-tools', 'gnutls-bin');
/** Seconds; a loaded machine takes ten times as long as an idle one. */
const patience = 300;

test('a member of a project boots a virtual server from a clone of an image, and CP agrees to its power-on', async t => {
	t.timeout(900_000);
	const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'bm-up-rack-')));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const file = path.join(folder, 'rack.yaml');
	await writeFile(
		file,
		'name: lab\nnodes: 2\nserver: { memory: 128MiB, firmware: bios, tpm: true, disk: none, nics: 1 }\n',
	);
	const { disk } = await buildGuest();
	const state = path.join(folder, 'state');
	const env = { ...process.env, XDG_RUNTIME_DIR: folder };
	const terminal = createTerminal({ env: { BIMETAL_HOME: path.join(state, 'cli') } });
	const ok = async (...line: string[]): Promise<string> => {
		const { code, out, err } = await terminal.run(...line);
		t.is(code, 0, `${line.join(' ')}\n${out}${err}`);
		return out;
	};
	const site = await startSite({ state, args: ['--rack', file], env });
	try {
		t.deepEqual(site.line.provisioner, {
			...site.line.provisioner,
			missing: [],
			missingForBoot: [],
			boots: true,
		});
		t.is((await fetch(`${site.line.provisioner.ops}/readyz`)).status, 200);
		t.is((await fetch(`${site.line.attest.ops}/readyz`)).status, 200);
		t.is(site.line.attest.forNodes, 'https://10.64.0.200:5002');
		t.regex(
			await ok('attest', 'enrolments', '--as', 'admin'),
			/^node1 +[0-9a-f]{64} .*\nnode2 +[0-9a-f]{64} /m,
		);
		await ok('image', 'import', disk, '--name', 'guest', '--as', 'red');
		await ok('node', 'take', 'red', 'node1', '--as', 'red');

		const provisioning = ok('node', 'provision', 'node1', 'guest', '--as', 'red');
		let isOver = false;
		const over = provisioning.finally(() => {
			isOver = true;
		});
		const approved = new Set<string>();
		await until(
			async () => {
				const { body } = await site.as('CP').get('/p2c/v1/requests?state=waiting');
				for (const { id } of body.requests) {
					if (approved.has(id)) continue;
					approved.add(id);
					await ok('approve', id, '--as', 'cp', '--yes');
				}
				return isOver;
			},
			is => is,
			patience,
		);
		await over;
		t.true(approved.size > 0, 'fewer than six servers are up: CP was asked');
		const console = path.join(state, 'rack-lab', 'nodes', 'node1', 'console.log');
		const said = await until(
			() => readFile(console, 'latin1').catch(() => ''),
			text => /bimetal guest: eth0 has/.test(text),
			patience,
		);
		t.regex(said, /bimetal guest: eth0 has 10\.64\.0\.\d+\/24/);
		t.regex(said, /from=disk/);
	} finally {
		await site.stop('SIGINT');
	}
	const { run } = rackFolders('lab', { state: path.join(state, 'rack-lab'), cwd: state, env });
	t.deepEqual(await findChildren(run), []);

	// The same disk, rack and registrations are found again.
	const second = await startSite({ state, args: ['--rack', file], env });
	try {
		t.regex(await ok('disk', 'list', '--as', 'red'), /^red\/node1 .* node1 +in use$/m);
		t.regex(await ok('node', 'show', 'node1', '--as', 'red'), /^project +red$/m);
		t.is((await fetch(`${second.line.provisioner.ops}/readyz`)).status, 200, 'it is served again');
		t.deepEqual(
			await ok('attest', 'passages', 'list', '--as', 'red'),
			'Nobody is on the way or in; --all shows what is over.\n',
		);
	} finally {
		await second.stop();
	}
	for (const { password } of second.line.hil.users) t.false((site.log() + second.log()).includes(password));
});
