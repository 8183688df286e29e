// Debian with its own cloud-init, booted from the network: it is what its owner said with `provision`.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildDebianImage } from '../../qemu/image/debian-image.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { until } from '../visitor.ts';
import { rackParts, startProvisionedRack } from './provisioned-rack.ts';

const test = testNeeding(...rackParts, 'e2fsprogs', 'mmdebstrap');
/** Seconds; a loaded machine takes ten times as long as an idle one. */
const patience = 900;

const userData = `#cloud-config
write_files:
  - path: /root/report
    permissions: '0700'
    content: |
      #!/bin/sh
      echo "called $(hostname)"
      echo "keys of $(getent passwd debian | cut -d: -f6): $(grep -c ' alice@home$' /home/debian/.ssh/authorized_keys)"
      /etc/bimetal/read-seed /root/again
      echo "ended with $?; iscsid is $(systemctl is-active iscsid), ssh is $(systemctl is-active ssh)"
      echo "REPORTED"
runcmd:
  - /root/report > /dev/console 2>&1
`;
const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPqk1Vn0J7s1o4mI3q0n1yN0rWcB0nK8mT2bO7zqkq3V alice@home';

test('cloud-init of a node takes host name, key and commands from the provisioning network, once', async t => {
	t.timeout(1_800_000);
	const rack = await startProvisionedRack(t, { count: 1, server: 'memory: 640MiB, firmware: bios' });
	const { provisioner } = rack;
	const [node] = rack.nodes;
	if (!node) throw new Error('the rack has no server');
	const { networks } = (await provisioner.ask('GET', '/v1/networks')).body;
	const folder = await mkdtemp(path.join(tmpdir(), 'bm-full-image-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const { file } = await buildDebianImage({
		isFull: true,
		trust: networks[0].authority,
		to: path.join(folder, 'image'),
		onProgress: step => t.log(step),
	});
	await provisioner.upload('debian', file);
	const began = await provisioner.post(`/v1/nodes/${node.name}/provision`, {
		project: 'red',
		image: 'debian',
		hostname: 'web-1',
		keys: [key],
		userData,
	});
	await provisioner.ended(began.id);
	const console = (): Promise<string> => readFile(node.consoleFile, 'latin1').catch(() => '');
	const said = await until(console, text => text.includes('REPORTED'), patience).catch(async fault => {
		throw new Error(`it has not reported: ${(await console()).slice(-4000)}`, { cause: fault });
	});
	t.regex(said, /bimetal image: boot 1 of node1 root=iscsi firmware=bios/);
	t.regex(said, /bimetal image: the configuration is read/);
	t.regex(said, /called web-1\r?\n/);
	t.regex(said, /keys of \/home\/debian: 1\r?\n/);
	t.regex(said, /a server that refuses[^\n]*\n[\s\S]*ended with 1; iscsid is active, ssh is active/);
});
