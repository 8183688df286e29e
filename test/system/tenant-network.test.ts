// What goes between a tenant's nodes: only ciphertext, only between those that are attested, and nothing for whoever is not.

import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { networkKeys } from '../../attest/client.ts';
import { airlockPayload } from '../../attest/payload/airlock-payload.ts';
import { findProgram } from '../../common/processes/programs.ts';
import { cpioArchive } from '../../qemu/guest/cpio-archive.ts';
import { buildDebianImage } from '../../qemu/image/debian-image.ts';
import { findFileSystem, rawOf } from '../../qemu/image/largest-file-system.ts';
import { createConsoleLog } from '../../qemu/machine/console-log.ts';
import { emulatedProcessor } from '../../qemu/machine/emulated-processor.ts';
import { startQemu } from '../../qemu/machine/start-qemu.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { arpAnswer, echoRequest, type FrameHub, ipv4Of, openFrameHub } from './frame-hub.ts';

const test = testNeeding('qemu-system-x86', 'qemu-utils', 'mtools', 'syslinux', 'xz-utils', 'e2fsprogs');
/** Milliseconds; a loaded machine takes ten times as long as an idle one. */
const limit = 300_000;
const nodes = {
	n1: { name: 'n1', address: '10.9.0.1', mac: '52:54:00:00:00:01' },
	n2: { name: 'n2', address: '10.9.0.2', mac: '52:54:00:00:00:02' },
} as const;
/** Somebody on the same network who was given no key: this process. */
const stranger = { address: '10.9.0.3', mac: '52:54:00:00:00:03' };

/** What an airlock starts, taken out of an image. */
async function bootFiles(folder: string): Promise<{ image: string; kernel: string; initrd: Buffer }> {
	const { file: image } = await buildDebianImage({ isAttested: true });
	const raw = await rawOf(image, folder);
	const { at } = await findFileSystem(raw);
	const debugfs = await findProgram('debugfs');
	for (const name of ['vmlinuz', 'initrd'])
		execFileSync(debugfs, ['-R', `dump /boot/${name} ${name}`, `${raw}?offset=${at}`], {
			cwd: folder,
			stdio: 'pipe',
		});
	const initrd = await readFile(path.join(folder, 'initrd'));
	await rm(raw);
	return { image, kernel: path.join(folder, 'vmlinuz'), initrd };
}

/** A node whose airlock has handed it the keys of its network: its system as it is started then, with a shell to type at. */
async function start(
	t: ExecutionContext,
	name: keyof typeof nodes,
	{
		folder: above,
		hub,
		boot,
	}: { folder: string; hub: FrameHub; boot: Awaited<ReturnType<typeof bootFiles>> },
) {
	const self = nodes[name];
	const folder = path.join(above, name);
	await mkdir(folder);
	const peers = Object.values(nodes).filter(node => node !== self);
	const digest = '0'.repeat(64);
	const payload = airlockPayload({
		luksKey: Buffer.alloc(64),
		boot: {
			disk: 'd841e614-b4c5-47b1-91eb-fd4b5744df06',
			kernel: digest,
			initrd: digest,
			arguments: 'quiet',
		},
		network: networkKeys(Buffer.alloc(32, 'secret'), self, peers),
	});
	await writeFile(path.join(folder, 'payload'), payload);
	const of = (file: string) => execFileSync('tar', ['-x', '-O', '-f', path.join(folder, 'payload'), file]);
	const handover = cpioArchive({
		'handover/ipsec/self': { kind: 'file', content: of('ipsec/self') },
		'handover/ipsec/peers': { kind: 'file', content: of('ipsec/peers') },
	});
	await writeFile(path.join(folder, 'initrd'), Buffer.concat([handover, boot.initrd]));
	const console = createConsoleLog();
	const qemu = await startQemu({
		binary: 'qemu-system-x86_64',
		name,
		args: [
			...['-M', 'q35,graphics=off', '-accel', 'tcg,tb-size=64', '-cpu', emulatedProcessor, '-m', '320'],
			...['-nodefaults', '-smbios', `type=3,asset=${name}`, '-device', 'virtio-rng-pci'],
			...[
				'-kernel',
				boot.kernel,
				'-initrd',
				'initrd',
				'-append',
				'console=ttyS0 quiet panic=10 mitigations=off',
			],
			...['-drive', `file=${boot.image},if=virtio,format=qcow2,snapshot=on`],
			...(await hub.plug(name, self.mac)),
		],
		folder,
		run: `test-network-${path.basename(above)}`,
		console,
	});
	t.teardown(() => qemu.stop());
	let lines = 0;
	return {
		says: (words: RegExp) => console.waitFor(words, limit),
		/** Has the shell run a line; answers with what it has printed. */
		async run(line: string): Promise<string> {
			const mark = `${name}-${++lines}`;
			// Typed in two pieces, so that its echo is not taken for it.
			qemu.write(`echo be""gin-${mark}; ${line}; echo en""d-${mark}\r`);
			const [, output = ''] = await console.waitFor(
				new RegExp(`begin-${mark}\\r?\\n([\\s\\S]*?)end-${mark}\\r?\\n`),
				limit,
			);
			return output;
		},
	};
}

/** What was seen between two addresses, either way, from a place on in what the hub keeps. */
const between = (hub: FrameHub, one: string, other: string, since = 0) =>
	hub.frames.slice(since).flatMap(frame => {
		const packet = ipv4Of(frame);
		const is = packet && [packet.from, packet.to].includes(one) && [packet.from, packet.to].includes(other);
		return is ? [{ ...packet, by: frame.from }] : [];
	});
const [ICMP, UDP, ESP] = [1, 17, 50];

test('what goes between attested nodes is encrypted; with others nothing passes, and a stranger is not taken for one', async t => {
	t.timeout(900_000);
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-network-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const boot = await bootFiles(folder);
	const hub = openFrameHub(t);
	hub.onFrame(frame => {
		const answer = arpAnswer(frame, stranger);
		if (answer) hub.send(answer);
	});
	const place = { folder, hub, boot };
	const [n1, n2] = await Promise.all([start(t, 'n1', place), start(t, 'n2', place)]);
	for (const [node, { address }] of [
		[n1, nodes.n1],
		[n2, nodes.n2],
	] as const) {
		await node.says(/ipsec: encrypted with nobody/);
		await node.says(/# /);
		await node.run(`killall udhcpc; ip addr add ${address}/24 dev eth0; ip link set eth0 up`);
	}

	// Nobody has said yet that they are attested.
	t.notRegex(await n1.run('ping -c 2 -W 3 10.9.0.2'), /bytes from/);
	t.deepEqual(between(hub, '10.9.0.1', '10.9.0.2'), []);

	await n1.run('/etc/bimetal/ipsec allow n2');
	await n2.run('/etc/bimetal/ipsec allow n1');
	// The first packets make the nodes agree on keys, and are lost.
	const tries = 'for i in $(seq 20); do ping -c 1 -W 5 10.9.0.2 > /dev/null && echo reach""ed && break; done';
	t.regex(await n1.run(tries), /reached/);
	const marker = 'a-word-that-only-the-two-of-them-may-know';
	const served = n2.run(`echo ${marker} | nc -l -p 7777`);
	const got = await n1.run('for i in $(seq 60); do nc -w 60 10.9.0.2 7777 && break; sleep 1; done');
	t.true(got.includes(marker), got);
	await served;
	const seen = between(hub, '10.9.0.1', '10.9.0.2');
	t.true(seen.some(({ protocol }) => protocol === ESP));
	t.deepEqual(
		seen.filter(({ protocol, port }) => protocol !== ESP && !(protocol === UDP && port === 500)),
		[],
	);
	t.false(hub.frames.some(({ bytes }) => bytes.includes(marker)));

	// Who has no key is answered in the clear as itself, which shows that such frames would be seen, and not as n2.
	const replies = (to: string) =>
		between(hub, '10.9.0.1', to).filter(({ by, protocol }) => by === 'n1' && protocol === ICMP);
	const toN1 = { mac: stranger.mac, toMac: nodes.n1.mac, to: nodes.n1.address };
	const answered = new Promise<void>(resolve =>
		hub.onFrame(frame => {
			const packet = ipv4Of(frame);
			if (frame.from === 'n1' && packet?.to === stranger.address && packet.protocol === ICMP) resolve();
		}),
	);
	hub.send(echoRequest({ ...toN1, from: nodes.n2.address }, 1));
	hub.send(echoRequest({ ...toN1, from: stranger.address }, 2));
	await answered;
	t.is(replies(stranger.address).length, 1);
	t.deepEqual(replies(nodes.n2.address), []);

	// n2 is attested no longer: n1 has heard of it, whatever n2 still thinks.
	await n1.run("/etc/bimetal/ipsec allow ''");
	const cut = hub.frames.length;
	t.notRegex(await n2.run('ping -c 3 -W 2 10.9.0.1'), /bytes from/);
	t.notRegex(await n1.run('ping -c 2 -W 2 10.9.0.2'), /bytes from/);
	t.deepEqual(
		between(hub, '10.9.0.1', '10.9.0.2', cut).filter(({ by, protocol }) => by === 'n1' && protocol !== UDP),
		[],
	);
});
