// Nodes without disks boot from the network, on one that has nothing but registrar, verifier and boot server: one boots the airlock
// and is admitted by what its firmware has measured, another one tries to get anywhere else. All parts are the real ones.
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import { keyFingerprint } from '../../attest/certificates/fingerprint.ts';
import { readEvidence } from '../../attest/evidence/evidence-file.ts';
import { learnFromEvidence } from '../../attest/evidence/learn-from-evidence.ts';
import { parseEventLog } from '../../attest/log/event-log.ts';
import { accepted } from '../../attest/outcome.fixture.ts';
import { startChild } from '../../common/processes/children.ts';
import { buildAirlockImage } from '../../qemu/airlock/airlock-image.ts';
import { buildDebianImage } from '../../qemu/image/debian-image.ts';
import type { VirtualNode } from '../../qemu/rack/virtual-node.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { until } from '../visitor.ts';
import { airlockParts } from './airlock-node.ts';
import { startAttestation } from './attestation.ts';
import { forward } from './forward.ts';
import { guestConsole } from './guest-console.ts';
import { type ProvisionedRack, rackParts, startProvisionedRack } from './provisioned-rack.ts';
import { type Stranger, stranger } from './stranger.ts';

const test = testNeeding(...new Set([...rackParts, ...airlockParts, 'e2fsprogs']));
/** Seconds; a loaded machine takes ten times as long as an idle one. */
const patience = 500;
const services = '10.64.0.200';
/** What the provisioner has on the network, the port of registrar and verifier, and what finds neighbours. */
const allowed =
	/^(?:arp .*|udp 255\.255\.255\.255 67|udp 10\.64\.0\.1 \d+|tcp 10\.64\.0\.1 80|tcp 10\.64\.0\.[12] 3260|tcp 10\.64\.0\.200 5003|ip 2 224\.0\.0\.\d+|ip6 \d+ ff02:.*|ip6 58 fe80:.*)$/;

/** Where a node sends to from now on, each destination once. */
async function destinations(t: ExecutionContext, { network }: ProvisionedRack, node: VirtualNode) {
	const port = (await network.ports()).find(({ name }) => name === `${node.name}.0`);
	const script = fileURLToPath(new URL('destinations.py', import.meta.url));
	let lines = '';
	const child = await startChild('python3', [script, port?.tap ?? '', node.plan.nics[0]?.mac ?? ''], {
		run: `test-destinations-${process.pid}`,
		folder: '/',
		network: network.network,
		onOutput: bytes => {
			lines += bytes.toString('latin1');
		},
	});
	t.teardown(() => child.stop());
	await until(
		async () => lines,
		said => said.startsWith('listening\n'),
		patience,
	);
	return () => lines.trim().split('\n').slice(1);
}

/** Frames that a machine has been given by the switch. */
async function heard({ network, device }: Stranger): Promise<number> {
	const show = ['ip', '-json', '-stats', 'link', 'show', 'dev', device];
	const { stdout } = await promisify(execFile)('nsenter', [`--net=${network}`, '--', ...show]);
	return JSON.parse(stdout)[0].stats64.rx.packets;
}

test('a node that boots the airlock from its network is admitted by what was measured, and gets nowhere else', async t => {
	t.timeout(1_500_000);
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-airlock-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const rack = await startProvisionedRack(t, {
		count: 2,
		server: 'memory: 512MiB, firmware: uefi, tpm: true',
	});
	const { provisioner, site, vlan } = rack;
	const [node, other] = rack.nodes;
	if (!node || !other) throw new Error('the rack has too few servers');
	await site.hil.root('PUT', '/v0/network/tenant', { owner: 'admin', access: '', net_id: '' });
	const tenant = Number((await site.hil.client.networks()).tenant?.network_id);

	const authority = path.join(node.folder, '..', '..', 'tpm-authority');
	const roots = ['swtpm-localca-rootca-cert.pem', 'issuercert.pem'].map(name => path.join(authority, name));
	const { registrar, verifier, port, authorities } = await startAttestation(t, {
		...{ folder, roots },
		address: services,
	});
	const near = await stranger(t, rack, vlan);
	await near.become(services);
	await forward(t, near, { host: services, port: 5003, to: port });
	const far = await stranger(t, rack, tenant);
	await far.become('10.65.0.7');
	await forward(t, far, { host: '10.65.0.7', port: 5003, to: port });

	const url = `https://${services}:5003`;
	const airlock = await buildAirlockImage({ registrar: url, verifier: url, authorities, to: folder });
	const debian = await buildDebianImage();
	await provisioner.upload('airlock', airlock.file);
	await provisioner.upload('debian', debian.file);
	const sent = await destinations(t, rack, node);
	const provision = (name: string, image: string) =>
		provisioner.post(`/v1/nodes/${name}/provision`, { project: 'red', image });
	const begun = [await provision(node.name, 'airlock'), await provision(other.name, 'debian')];
	const certificate = new X509Certificate(await readFile(path.join(node.folder, 'tpm/ek-rsa2048.crt')));
	await registrar.enrol(node.name, keyFingerprint(certificate.publicKey));
	const reference = await verifier.admit({ node: node.name, project: 'red', learn: true });
	for (const { id } of begun) await provisioner.ended(id);

	const console = guestConsole(node);
	await console.waitFor(/airlock: learnt/, patience);
	const evidence = readEvidence(await verifier.evidence(reference.id));
	const log = [...evidence.blobs.values()].map(parseEventLog).find(({ ok }) => ok);
	if (!log) throw new Error('the node has sent no boot log');
	// iPXE, which is in the network card, as the firmware has loaded it; and what it has read from the disk, as it did.
	const measured = accepted(log).events.map(({ pcr, type }) => `${pcr} ${type}`);
	t.is(measured.filter(each => each === '2 EV_EFI_BOOT_SERVICES_DRIVER').length, 1);
	t.is(measured.filter(each => each === '4 EV_EFI_BOOT_SERVICES_APPLICATION').length, 2);
	await verifier.setPolicy('red', 'default', learnFromEvidence(evidence).policy);
	const good = await verifier.admit({ node: node.name, project: 'red' });
	await console.waitFor(/airlock: attested/, patience);
	t.like(await verifier.admission(good.id), { state: 'attested', node: node.name, strays: 0 });

	// What another one sees of it, who has a shell.
	const shell = guestConsole(other);
	await shell.waitFor(/# /, patience);
	const reaches = async (address: string, at: number): Promise<boolean> =>
		/code=0/.test(
			await shell.run(`echo | nc -w 3 ${address} ${at} > /dev/null 2>&1; echo "code=$?"`, patience),
		);
	t.true(await reaches(services, 5003));
	const outside = Object.values(networkInterfaces()).flatMap(all => all ?? []);
	const [own] = outside.filter(({ family, internal }) => family === 'IPv4' && !internal);
	const sitePorts = [new URL(site.hil.url), new URL(site.proxy.url)].map(of => Number(of.port));
	for (const by of ['10.64.0.1', services]) {
		await shell.run(`ip route replace default via ${by}`, patience);
		t.false(await reaches('10.65.0.7', 5003), `by way of ${by}`);
		if (own) t.false(await reaches(own.address, 22), `by way of ${by}`);
		for (const at of [22, 5000, ...sitePorts]) t.false(await reaches(by, at), `${by}, port ${at}`);
	}
	t.is(await heard(far), 0, 'nothing comes to another VLAN');
	t.true((await heard(near)) > 0, 'who is on the VLAN gets what is counted');
	t.deepEqual(
		sent().filter(line => !allowed.test(line)),
		[],
	);
	t.true(sent().includes(`tcp ${services} 5003`));
});
