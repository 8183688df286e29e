// Four servers with TPMs on their way into a tenant's network. One is good, and starts its tenant's encrypted disk; the others were
// changed, or deceive: each is refused for its own reason, and no frame of theirs is ever on that network. The good one is cut
// off when it runs what its tenant does not know. All parts are the real ones.
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { keyFingerprint } from '../../attest/certificates/fingerprint.ts';
import type { PassageView, VerifierClient } from '../../attest/client.ts';
import { parseEventLog } from '../../attest/log/event-log.ts';
import { startChild } from '../../common/processes/children.ts';
import { createHilClient } from '../../hil/client.ts';
import { buildAirlockImage } from '../../qemu/airlock/airlock-image.ts';
import { makeDiskImage } from '../../qemu/guest/disk-image.ts';
import type { VirtualNode } from '../../qemu/rack/virtual-node.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { until } from '../visitor.ts';
import { airlockParts, uefiVariables } from './airlock-node.ts';
import { startAttestation } from './attestation.ts';
import { installBadAgents } from './bad-agents.ts';
import { forward } from './forward.ts';
import { guestConsole } from './guest-console.ts';
import { packets } from './packets.ts';
import { rackParts, startProvisionedRack } from './provisioned-rack.ts';
import { rackPolicy } from './rack-policy.ts';
import { releasePayload } from './release-payload.ts';
import { type Stranger, stranger } from './stranger.ts';
import { encryptedTenantImage } from './tenant-image.ts';
import { watchVlan } from './vlan-watch.ts';

const test = testNeeding(...new Set([...rackParts, ...airlockParts, 'e2fsprogs', 'cryptsetup-bin']));
/** Seconds; a loaded machine takes ten times as long as an idle one. */
const patience = 500;
/** Milliseconds. */
const lifetime = 1_800_000;
/** Registrar and verifier, on the airlock's network and on the tenant's. */
const services = '10.64.0.200';

/** Variables as Secure Boot's, with a db of its own, but Secure Boot switched off: everything boots, and db is measured. */
async function otherVariables(): Promise<Buffer> {
	const variables = await readFile(uefiVariables.secure);
	const name = Buffer.from('SecureBootEnable\0', 'utf16le');
	const found = variables.indexOf(name);
	if (found < 0) throw new Error('these variables do not say whether Secure Boot is on');
	variables[found + name.length] = 0;
	return variables;
}

/** Bytes of a boot log without its last events: still a log. */
function halfOf(log: Buffer): number {
	for (let bytes = Math.floor(log.length / 2); bytes > 0; bytes--)
		if (parseEventLog(log.subarray(0, bytes)).ok) return bytes;
	throw new Error('no part of this log is one');
}

/** Gives tenants' nodes addresses. */
async function serveAddresses(t: ExecutionContext, { network, device }: Stranger): Promise<void> {
	const child = await startChild(
		'dnsmasq',
		[
			...[
				'--keep-in-foreground',
				'--conf-file=/dev/null',
				'--port=0',
				`--interface=${device}`,
				'--pid-file=',
			],
			...['--bind-interfaces', '--leasefile-ro', '--dhcp-range=10.64.0.50,10.64.0.60', '--user=root'],
		],
		{ run: `test-addresses-${process.pid}`, folder: '/', network },
	);
	t.teardown(() => child.stop());
}

/** Waits until a passage is so. */
const passing = (
	verifier: VerifierClient,
	id: string,
	is: (passage: PassageView) => boolean,
): Promise<PassageView> => until(() => verifier.passage(id, 5000), is, patience);
const hasBooted = ({ stage, state }: PassageView): boolean => stage === 'evidence' || state !== 'passing';

test('none but the node that has proven itself is ever on its tenant’s network, and only as long as it does', async t => {
	t.timeout(lifetime);
	const since = performance.now();
	const stage = (what: string): void =>
		t.log(`${what} at ${Math.round((performance.now() - since) / 1000)} s`);
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-attested-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const at = (file: string): string => path.join(folder, file);

	const image = await encryptedTenantImage(at);
	const { luksKey, boot } = image;
	const rack = await startProvisionedRack(t, {
		count: 4,
		server: 'memory: 512MiB, firmware: uefi, tpm: true',
		disk: image.file,
	});
	const { provisioner, site, vlan } = rack;
	const { hil } = site;
	const [good, deceiver, otherLine, otherDb] = rack.nodes;
	if (!good || !deceiver || !otherLine || !otherDb) throw new Error('the rack has too few servers');
	const bad = [deceiver, otherLine, otherDb];
	for (const project of ['airlock', 'rejected']) await hil.root('PUT', `/v0/project/${project}`);
	await hil.root('POST', '/v0/auth/basic/user/alice/add_project', { project: 'airlock' });
	await hil.root('PUT', '/v0/network/inner', { owner: 'red', access: 'red', net_id: '' });
	const inner = Number((await hil.client.networks()).inner?.network_id);
	for (const { name } of rack.nodes) {
		await hil.root('POST', '/v0/project/red/detach_node', { node: name });
		await hil.root('POST', '/v0/project/airlock/connect_node', { node: name });
	}
	await writeFile(path.join(otherDb.folder, 'uefi-variables.fd'), await otherVariables(), { mode: 0o600 });

	const account = (file: string, username: string) => ({
		...{ ca: path.join(site.folder, 'ca.pem'), username, password: path.join(site.folder, file) },
	});
	const authority = path.join(good.folder, '..', '..', 'tpm-authority');
	const roots = ['swtpm-localca-rootca-cert.pem', 'issuercert.pem'].map(name => path.join(authority, name));
	const root = account('root.password', 'root');
	const { registrar, verifier, port, authorities } = await startAttestation(t, {
		...{ folder, roots, address: services },
		airlock: {
			hil: { url: hil.url, ...root },
			...{ project: 'airlock', network: 'boot', rejected: 'rejected' },
			boot: { provisioner: { url: provisioner.url(), ...root }, image: 'airlock/airlock' },
		},
	});
	for (const node of rack.nodes) {
		const certificate = new X509Certificate(await readFile(path.join(node.folder, 'tpm/ek-rsa2048.crt')));
		await registrar.enrol(node.name, keyFingerprint(certificate.publicKey));
	}
	const near = await stranger(t, rack, vlan);
	await near.become(services);
	await forward(t, near, { host: services, port: 5003, to: port });
	const tenant = await stranger(t, rack, inner);
	await tenant.become(services);
	await forward(t, tenant, { host: services, port: 5003, to: port });
	await serveAddresses(t, tenant);
	const watch = await watchVlan(t, rack, inner);

	const url = `https://${services}:5003`;
	const airlock = await buildAirlockImage({ registrar: url, verifier: url, authorities, to: folder });
	await provisioner.upload('airlock', airlock.file, 'airlock');
	stage('set up');

	// A reference: what this boot is, nodes are to be.
	const console = guestConsole(good);
	const reference = await verifier.admit({ node: good.name, project: 'red', learn: true });
	const begun = await provisioner.post(`/v1/nodes/${good.name}/provision`, {
		...{ project: 'airlock', image: 'airlock' },
	});
	await provisioner.ended(begun.id);
	await console.waitFor(/airlock: learnt/, patience);
	const policy = await rackPolicy(verifier, { learnt: reference.id, image: image.plain });
	t.true(policy.erased);
	await verifier.setPolicy('red', 'default', policy);
	await provisioner.ended((await provisioner.post(`/v1/nodes/${good.name}/deprovision`, {})).id);
	stage('learnt');

	const networks = [{ nic: 'eth0', network: 'inner' }];
	const pass = async ({ name: node }: VirtualNode, payload = false): Promise<string> => {
		const asked = { node, project: 'red', networks, payload, interval: 3, lease: 300, within: 1500 };
		return (await verifier.pass(asked)).id;
	};
	const [goodPassage, dbPassage] = [await pass(good, true), await pass(otherDb)];
	// Nobody else puts one there meanwhile.
	const password = (await readFile(path.join(site.folder, 'alice.password'), 'utf8')).trim();
	const alice = createHilClient({
		url: hil.url,
		username: 'alice',
		password,
		ca: await readFile(root.ca, 'utf8'),
	});
	t.teardown(() => alice.close());
	const connect = { do: 'connect_network', node: good.name, nic: 'eth0', network: 'inner' } as const;
	await passing(verifier, goodPassage, hasBooted);
	await t.throwsAsync(alice.change([connect]), { message: /airlock|project/i });

	// Who has the boot server gives the next ones another airlock under the same name: one with another command line, …
	await passing(verifier, dbPassage, hasBooted);
	const program = await readFile(airlock.program);
	const line = program.indexOf('console=ttyS0,115200n8 quiet');
	program.write('debug', line + 'console=ttyS0,115200n8 '.length, 'latin1');
	const none = Buffer.alloc(0);
	const empty = { kernel: none, initrd: none, masterBootRecord: none, commandLine: '' };
	await makeDiskImage(folder, 'other.qcow2', { ...empty, efiProgram: program });
	await provisioner.upload('airlock', at('other.qcow2'), 'airlock');
	const linePassage = await pass(otherLine);
	await passing(verifier, linePassage, hasBooted);
	// … and one that is no airlock at all, but has a shell, and an agent of somebody else's.
	await provisioner.upload('airlock', image.plain, 'airlock');
	const deceit = await pass(deceiver);
	stage('all are on their way');

	const { admission } = await passing(verifier, goodPassage, ({ admission: id }) => id !== null);
	const id = admission ?? '';
	await console.waitFor(/airlock: attested/, patience);
	t.deepEqual(
		watch.framesOf(good),
		[],
		'it is attested, and is not where its tenant is before it has its payload',
	);
	await releasePayload(verifier, { id, node: good.name, roots }, { luksKey, boot });
	await console.waitFor(/airlock: starting the tenant's system from/, patience);
	await console.waitFor(new RegExp(`boot 1 of ${good.name} root=encrypted firmware=uefi`), patience);
	await console.waitFor(/node: attested/, patience);
	t.is((await passing(verifier, goodPassage, ({ state }) => state === 'inside')).code, null);
	t.like(await verifier.admission(id), { state: 'attested', strays: 0 });
	stage('the good one is in');

	const refused = async (of: VirtualNode, passage: string, code: string, reason: RegExp): Promise<void> => {
		const ended = await passing(verifier, passage, ({ endedAt }) => endedAt !== null);
		t.like(ended, { state: 'rejected', code }, of.name);
		t.regex(ended.reason ?? '', reason);
		const [now] = (await hil.client.topology({ node: of.name })).nodes;
		t.is(now?.project, 'rejected');
		t.deepEqual(
			now?.nics.flatMap(nic => nic.networks),
			[],
			'no port of it leads anywhere',
		);
		t.is(of.pid(), undefined, 'it is off');
	};
	await refused(otherDb, dbPassage, 'EventNotAllowed', /EV_EFI_VARIABLE_DRIVER_CONFIG in PCR 7/);
	await refused(otherLine, linePassage, 'EventNotAllowed', /EV_EFI_BOOT_SERVICES_APPLICATION in PCR 4/);
	stage('the changed ones are out');

	// The one that has skipped the airlock, and is on its network: it has a shell there.
	const shell = guestConsole(deceiver);
	await shell.waitFor(/# /, patience);
	await shell.run('mount -t securityfs securityfs /sys/kernel/security', patience);
	const deceive = await installBadAgents(t, {
		...{ shell, patience, machine: near, address: services, node: deceiver.name },
		services: { registrar: url, verifier: url, authorities },
	});
	await deceive('another node’s name', {
		...{ words: /not registered: 4.*KeyMismatch: node \S+ is enrolled with/, node: good.name },
	});
	await deceive('a free key', { words: /not registered: 4.*KeyUnfit: / });
	await deceive('other PCRs', { words: /waiting, but this was refused: SelectionWrong: / });
	await deceive('a replay', { words: /waiting, but this was refused: NonceWrong: / });
	const { admission: deceived } = await verifier.passage(deceit);
	t.like(
		await verifier.admission(deceived ?? ''),
		{ state: 'waiting' },
		'what anybody could have sent convicts nobody',
	);
	// It reaches for the tenant's network: by its addresses, and in frames with its VLAN's tag.
	const tagged = `eth0.${inner}`;
	const { fromNode: sentBefore } = await packets(rack, deceiver);
	await shell.run(
		`ip link add link eth0 name ${tagged} type vlan id ${inner}; ip link set ${tagged} up; ` +
			`ip address add 10.64.0.77/24 dev ${tagged}; ping -c 3 -I ${tagged} 10.64.0.50; ip link delete ${tagged}; ` +
			'ping -c 3 10.64.0.50',
		patience,
	);
	t.true((await packets(rack, deceiver)).fromNode >= sentBefore + 4, 'it has tried');
	const log = await shell.run('base64 /sys/kernel/security/tpm0/binary_bios_measurements', patience);
	// As an airlock does: only what the log tells is wrong then.
	await shell.run('TPM2TOOLS_TCTI=device:/dev/tpmrm0 tpm2_clear -c l', patience);
	await deceive('half a log', {
		bytes: halfOf(Buffer.from(log.replaceAll(/\s/g, ''), 'base64')),
	});
	await refused(deceiver, deceit, 'LogMismatch', /the boot log leads to/);
	stage('the deceiver is out');

	for (const node of bad) t.deepEqual(watch.framesOf(node), [], `${node.name} is never where the tenant is`);
	const attestedAt = (await verifier.admission(id)).since ?? Number.POSITIVE_INFINITY;
	t.true(
		watch.framesOf(good).every(when => when > attestedAt),
		'nor is the good one before it is attested',
	);

	// A program that is not of the image: its next round tells.
	const before = watch.framesOf(good).length;
	await console.run(
		`(while true; do ping -c 1 -W 1 ${services} > /dev/null; sleep 0.2; done) & true`,
		patience,
	);
	await until(
		async () => watch.framesOf(good).length,
		count => count > before + 5,
		patience,
	);
	await console.run('cp /bin/busybox /bin/other && echo >> /bin/other && /bin/other true', patience);
	const cut = await passing(verifier, goodPassage, ({ state }) => state === 'cut');
	t.is(cut.code, 'FileNotAllowed');
	t.regex(cut.reason ?? '', /\/bin\/other/);
	const verdict = await verifier.admission(id);
	t.like(verdict, { state: 'revoked', code: 'FileNotAllowed' });
	const last = Math.max(...watch.framesOf(good));
	t.log(`its last frame came ${Math.round(last - (cut.history.at(-2)?.at ?? 0))} ms after the verdict`);
	const count = watch.framesOf(good).length;
	await console.run(
		'i=0; while [ $i -lt 10 ]; do ping -c 1 -W 1 10.64.0.200 > /dev/null; i=$((i + 1)); done',
		patience,
	);
	t.is(watch.framesOf(good).length, count, 'it sends on, and nothing comes');
	stage('cut off');
});
