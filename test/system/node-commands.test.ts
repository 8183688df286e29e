// What is typed to have a node boot from an image, against the real parts: provisioned, followed, moved to another project with
// what is on its disk, and saved.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { hilProfiles } from '../../cli/hil/hil-profile.ts';
import { createTerminal } from '../../cli/test-terminal.ts';
import { buildDebianImage } from '../../qemu/image/debian-image.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { guestConsole } from './guest-console.ts';
import { rackParts, startProvisionedRack } from './provisioned-rack.ts';

const test = testNeeding(...rackParts, 'e2fsprogs');
/** Seconds; a loaded machine takes ten times as long as an idle one. */
const patience = 180;

test('a node is provisioned and moved to another project at the command line, and finds what it had written', async t => {
	t.timeout(600_000);
	const { file } = await buildDebianImage();
	const server = 'memory: 256MiB, firmware: bios';
	const { nodes, network, site, provisioner, vlan } = await startProvisionedRack(t, { count: 1, server });
	const [node] = nodes;
	if (!node) throw new Error('the rack has no server');
	await site.hil.root('PUT', '/v0/project/blue');
	await site.hil.root('POST', '/v0/auth/basic/user/alice/add_project', { project: 'blue' });
	const home = await mkdtemp(path.join(tmpdir(), 'bm-node-commands-'));
	t.teardown(() => rm(home, { recursive: true }));
	await hilProfiles.save(home, {
		...{ name: 'default', url: site.hil.url, ca: await readFile(path.join(site.folder, 'ca.pem'), 'utf8') },
		...{ user: 'alice', passwordFile: path.join(site.folder, 'alice.password') },
		provisioner: provisioner.url(),
	});
	const bimetal = async (...words: string[]): Promise<string> => {
		const ran = await createTerminal({ cwd: home, env: { BIMETAL_HOME: home } }).run(...words);
		if (ran.code !== 0) throw new Error(`${words.join(' ')}: exit ${ran.code}: ${ran.err}`);
		return ran.out;
	};
	const console = guestConsole(node);
	const booted = async (count: number): Promise<void> => {
		await console.waitFor(new RegExp(`boot ${count} of node1 root=iscsi`), patience);
		await console.waitFor(/# /, patience);
	};

	t.regex(
		await bimetal('image', 'import', file, '--name', 'debian', '--project', 'red'),
		/^red\/debian@1 is there/,
	);
	const done = await bimetal('provision', node.name, 'debian', '--disk', 'web');
	t.log(done);
	t.regex(done, /^node1 boots from red\/web, a clone of red\/debian@1\.\n\nSTAGE/);
	for (const stage of ['disk', 'target', 'dhcp', 'login', 'total'])
		t.regex(done, new RegExp(`^${stage} .*[1-9].* m?s$`, 'm'));
	await booted(1);
	await console.run('echo of red > /root/kept; sync', patience);
	t.regex(await bimetal('disk', 'list'), /red\/web .* node1 +in use/);

	const begun = await bimetal('move', node.name, 'blue', '--disk', 'db', '--no-wait');
	const [, id = ''] = /bimetal operation follow (\S+)/.exec(begun) ?? [];
	const states = (await bimetal('operation', 'follow', id, '--json')).trim().split('\n');
	t.like(JSON.parse(states.at(-1) ?? ''), { kind: 'node.move', status: 'DONE' });
	await booted(2);
	t.regex(await console.run('cat /root/kept', patience), /^of red/m);
	t.regex(await bimetal('provisioned'), /node1 +blue +blue\/db/);
	t.like(await site.hil.client.node(node.name), { project: 'blue' });
	const port = (await network.ports()).find(({ name }) => name === `${node.name}.0`);
	t.deepEqual(port?.vlans, { untagged: vlan, tagged: [] });

	t.regex(await bimetal('deprovision', node.name), /^node1 is off; disk blue\/db is saved\./);
	t.is(node.bmc.powerState(), 'Off');
	t.deepEqual(provisioner.errors(), []);
});
