// Two servers whose disks are the provisioner's. Each proves itself in the airlock, opens its tenant's encrypted disk over iSCSI, and
// starts what is in it; then they speak to each other, encrypted with keys of their payloads, until one of them is revoked. Who serves
// the disks, and whoever listens at the switch, sees ciphertext. All parts are the real ones.
import { execFile } from 'node:child_process';
import { randomBytes, X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { keyFingerprint } from '../../attest/certificates/fingerprint.ts';
import { networkKeys } from '../../attest/client.ts';
import { buildAirlockImage } from '../../qemu/airlock/airlock-image.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { airlockParts } from './airlock-node.ts';
import { startAttestation } from './attestation.ts';
import { forward } from './forward.ts';
import { guestConsole } from './guest-console.ts';
import { rackParts, startProvisionedRack } from './provisioned-rack.ts';
import { rackPolicy } from './rack-policy.ts';
import { releasePayload } from './release-payload.ts';
import { stranger } from './stranger.ts';
import { encryptedTenantImage } from './tenant-image.ts';
import { ipv4Of, watchVlan } from './vlan-watch.ts';

const test = testNeeding(...new Set([...rackParts, ...airlockParts, 'e2fsprogs', 'cryptsetup-bin']));
/** Seconds; a loaded machine takes ten times as long as an idle one. */
const patience = 500;
/** Milliseconds. */
const lifetime = 1_500_000;
/** Registrar and verifier, on the network that the nodes boot on. */
const services = '10.64.0.200';
const [ICMP, UDP, ESP] = [1, 17, 50];
const marker = 'a word that nobody but the tenant may know';

test('disks that the provider serves are open to attested nodes alone, which speak to each other encrypted', async t => {
	t.timeout(lifetime);
	const since = performance.now();
	const stage = (what: string): void =>
		t.log(`${what} at ${Math.round((performance.now() - since) / 1000)} s`);
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-pair-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const at = (file: string): string => path.join(folder, file);

	const image = await encryptedTenantImage(at);
	const { luksKey, boot } = image;
	const rack = await startProvisionedRack(t, {
		...{ count: 2, server: 'memory: 512MiB, firmware: uefi, tpm: true' },
	});
	const { provisioner, site, vlan } = rack;
	const { hil } = site;
	const [n1, n2] = rack.nodes;
	if (!n1 || !n2) throw new Error('the rack has too few servers');
	await hil.root('PUT', '/v0/network/inner', { owner: 'red', access: 'red', net_id: '' });
	const inner = Number((await hil.client.networks()).inner?.network_id);

	const authority = path.join(n1.folder, '..', '..', 'tpm-authority');
	const roots = ['swtpm-localca-rootca-cert.pem', 'issuercert.pem'].map(name => path.join(authority, name));
	const { registrar, verifier, port, authorities } = await startAttestation(t, {
		...{ folder, roots, address: services },
	});
	const near = await stranger(t, rack, vlan);
	await near.become(services);
	await forward(t, near, { host: services, port: 5003, to: port });
	const watch = await watchVlan(t, rack, inner);
	const url = `https://${services}:5003`;
	const airlock = await buildAirlockImage({ registrar: url, verifier: url, authorities, to: folder });
	await provisioner.upload('airlock', airlock.file);
	await provisioner.upload('web', image.file);

	const nodes = rack.nodes.map((node, index) => ({
		...{ node, console: guestConsole(node), name: node.name, address: `10.66.0.${index + 1}` },
	}));
	const [one, two] = nodes;
	if (!one || !two) throw new Error('unreachable');
	for (const { node, name } of nodes) {
		const certificate = new X509Certificate(await readFile(path.join(node.folder, 'tpm/ek-rsa2048.crt')));
		await registrar.enrol(name, keyFingerprint(certificate.publicKey));
		const disk = { project: 'red', name: `web-${name}`, image: 'web' };
		await provisioner.ended((await provisioner.post('/v1/disks', disk)).id);
	}
	stage('set up');
	const begun = nodes.map(({ name }) =>
		provisioner.post(`/v1/nodes/${name}/provision`, {
			...{ project: 'red', image: 'airlock', disk: `airlock-${name}`, beside: [`web-${name}`] },
		}),
	);
	for (const { id } of await Promise.all(begun)) await provisioner.ended(id);
	const reference = await verifier.admit({ node: one.name, project: 'red', learn: true });
	await one.console.waitFor(/airlock: learnt/, patience);
	await verifier.setPolicy(
		'red',
		'default',
		await rackPolicy(verifier, { learnt: reference.id, image: image.plain }),
	);
	stage('learnt');

	const secret = randomBytes(64);
	const admissions = await Promise.all(
		nodes.map(async ({ name, address, console }) => {
			const { id } = await verifier.admit({ node: name, project: 'red', interval: 3, lease: 600 });
			await console.waitFor(/airlock: attested/, patience);
			const peers = nodes.filter(other => other.name !== name);
			const network = networkKeys(secret, { name, address }, peers);
			await releasePayload(verifier, { id, node: name, roots }, { luksKey, boot, network });
			await console.waitFor(/airlock: starting the tenant's system from sd/, patience);
			await console.waitFor(new RegExp(`boot 1 of ${name} root=encrypted firmware=uefi`), patience);
			await console.waitFor(/node: attested/, patience);
			return id;
		}),
	);
	const [, id2 = ''] = admissions;
	for (const id of admissions) t.like(await verifier.admission(id), { state: 'attested', strays: 0 });
	stage('both systems run');

	// What the tenant writes is not to be found where its provider keeps the disks; and a target that dies does it no harm.
	const tgtd = await rack.daemon('tgtd');
	await one.console.run(`echo ${marker} > /var/log/secret && sync`, patience);
	process.kill(tgtd, 'SIGKILL');
	t.regex(
		await one.console.run(`echo 3 > /proc/sys/vm/drop_caches; cat /var/log/secret`, patience),
		new RegExp(marker),
	);
	t.regex(await one.console.run('echo again >> /var/log/secret && sync && echo kept', patience), /kept/);
	const line = 'Goes on proving what runs here';
	t.true((await readFile(image.plain)).includes(line), 'which the plain image shows');
	const volumes = path.join(site.folder, 'volumes');
	let containers = 0;
	for (const name of await readdir(volumes, { recursive: true })) {
		const bytes = await readFile(path.join(volumes, name)).catch(() => Buffer.alloc(0));
		if (bytes.includes(boot.disk)) containers++;
		for (const word of [marker, line]) t.false(bytes.includes(word), `${word} in ${name}`);
	}
	t.true(containers >= 1, 'the containers are there');
	// The secret by which it gets at its disk is nobody's evidence.
	const chap = Buffer.from(
		await one.console.run('base64 < /sys/firmware/ibft/target0/chap-secret', patience),
		'base64',
	)
		.toString('latin1')
		.trim();
	t.true(chap.length >= 16, chap);
	for (const said of [await one.console.said(), ...(await Promise.all(admissions.map(verifier.evidence)))])
		t.false(said.includes(chap));
	stage('nothing of it is to be seen');

	// Their network.
	for (const { node } of nodes) t.deepEqual(watch.framesOf(node), []);
	const change = await hil.client.change(
		nodes.map(({ name }) => ({
			...({ do: 'connect_network', node: name, nic: 'eth0' } as const),
			...{ network: 'inner', channel: `vlan/${inner}` },
		})),
	);
	if (change.id) await hil.client.changeDone(change.id);
	for (const { console, address } of nodes) {
		const card = `eth0.${inner}`;
		await console.run(
			`ip link add link eth0 name ${card} type vlan id ${inner}; ip address add ${address}/24 dev ${card}; ip link set ${card} up`,
			patience,
		);
	}
	/** What was seen between the two, either way. */
	const between = (from = 0) =>
		watch
			.frames()
			.slice(from)
			.map(({ bytes }) => ipv4Of(bytes))
			.filter(packet => packet !== undefined)
			.filter(packet => nodes.every(({ address }) => [packet.from, packet.to].includes(address)));
	// The first packets make the nodes agree on keys, and are lost.
	const tries = `for i in $(seq 40); do ping -c 1 -W 5 ${two.address} > /dev/null && echo reach""ed && break; sleep 1; done`;
	t.regex(await one.console.run(tries, patience), /reached/);
	const served = two.console.run(`echo ${marker} | nc -l -p 7777`, patience);
	const got = await one.console.run(
		`for i in $(seq 60); do nc -w 60 ${two.address} 7777 && break; sleep 1; done`,
		patience,
	);
	t.true(got.includes(marker), got);
	await served;
	t.true(between().some(({ protocol }) => protocol === ESP));
	t.deepEqual(
		between().filter(({ protocol, port: to }) => protocol !== ESP && !(protocol === UDP && to === 500)),
		[],
	);
	t.false(watch.frames().some(({ bytes }) => bytes.includes(marker)));
	stage('they speak to each other');

	// A program that is not of the image: the other one hears of it, and has nothing to do with it any more.
	await two.console.run('cp /bin/busybox /bin/other && echo >> /bin/other && /bin/other true', patience);
	await one.console.waitFor(/ipsec: encrypted with nobody/, patience);
	t.like(await verifier.admission(id2), { state: 'revoked', code: 'FileNotAllowed' });
	const cut = watch.frames().length;
	t.notRegex(await two.console.run(`ping -c 3 -W 2 ${one.address}`, patience), /bytes from/);
	t.notRegex(await one.console.run(`ping -c 2 -W 2 ${two.address}`, patience), /bytes from/);
	t.deepEqual(
		between(cut).filter(({ from, protocol }) => from === one.address && protocol !== UDP),
		[],
	);

	// Who has no key is answered in the clear as itself, so that such frames would be seen; and not as the node that it is not.
	await two.console.run(`ip link delete eth0.${inner}`, patience);
	const other = await stranger(t, rack, inner);
	const script = fileURLToPath(new URL('echo.py', import.meta.url));
	const asks = async (as: string, seconds: number): Promise<string> => {
		await other.become(as);
		const args = [`--net=${other.network}`, '--', 'python3', script, one.address, `${seconds}`];
		return (await promisify(execFile)('nsenter', args)).stdout.trim();
	};
	t.is(await asks('10.66.0.3', 120), 'answered');
	const after = watch.frames().length;
	t.is(await asks(two.address, 5), 'nothing');
	t.deepEqual(
		between(after).filter(({ from, protocol }) => from === one.address && protocol === ICMP),
		[],
	);
	stage('and to nobody else');
});
