// What a tenant gives a node along, applied by the system that it boots: read over TLS, once, and by nobody else.
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildDebianImage } from '../../qemu/image/debian-image.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { until } from '../visitor.ts';
import { rackParts, startProvisionedRack } from './provisioned-rack.ts';

const test = testNeeding(...rackParts, 'e2fsprogs');
/** Seconds; a loaded machine takes ten times as long as an idle one. */
const patience = 180;
/** RFC 8709 section 4, as in authorized_keys. */
function sshKey(comment: string): string {
	const { publicKey } = generateKeyPairSync('ed25519');
	const text = (bytes: Buffer | string): Buffer => {
		const length = Buffer.alloc(4);
		length.writeUInt32BE(bytes.length);
		return Buffer.concat([length, Buffer.from(bytes)]);
	};
	const raw = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32);
	return `ssh-ed25519 ${Buffer.concat([text('ssh-ed25519'), text(raw)]).toString('base64')} ${comment}`;
}

test('a node is called what its owner says, lets in their key, runs their script, and nobody reads that again', async t => {
	t.timeout(600_000);
	const rack = await startProvisionedRack(t, { count: 1, server: 'memory: 256MiB, firmware: bios' });
	const { provisioner } = rack;
	const [node] = rack.nodes;
	if (!node) throw new Error('the rack has no server');
	const { networks } = (await provisioner.ask('GET', '/v1/networks')).body;
	t.is(networks.length, 1);
	const folder = await mkdtemp(path.join(tmpdir(), 'bm-configuration-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const { file } = await buildDebianImage({ trust: networks[0].authority, to: path.join(folder, 'image') });
	await provisioner.upload('debian', file);
	const console = () => readFile(node.consoleFile, 'latin1').catch(() => '');
	/** What a command prints on the node's console. */
	let asked = 0;
	const shell = async (command: string): Promise<string> => {
		const mark = `answer-${++asked}`;
		node.serial.type(
			Buffer.from(
				`{ ${command}; } > /tmp/it 2>&1; echo ${mark}-"begins"; cat /tmp/it; echo ${mark}-"ends"\r`,
			),
		);
		const found = new RegExp(`${mark}-begins\\r?\\n([\\s\\S]*?)${mark}-ends`);
		return found.exec(await until(console, text => found.test(text), patience))?.[1] ?? '';
	};
	const key = sshKey('alice "at" home\\now');
	const began = await provisioner.post(`/v1/nodes/${node.name}/provision`, {
		project: 'red',
		image: 'debian',
		hostname: 'web-1.lab',
		keys: [key],
		userData: '#!/bin/sh\necho "of $(hostname)" > /root/made\necho said; exit 7\n',
	});
	await provisioner.ended(began.id);
	const booted = await until(console, text => text.includes('its user data ended with 7'), patience);
	t.regex(booted, /bimetal image: configured as web-1\.lab, 1 keys/);
	t.notRegex(booted, /not configured/);
	node.serial.type(Buffer.from('\r'));
	t.is(
		(await shell('cat /root/made /var/log/user-data.log /etc/hostname')).replaceAll('\r', ''),
		'of web-1.lab\nsaid\nweb-1.lab\n',
	);
	t.is((await shell('cat /root/.ssh/authorized_keys')).trim(), key);
	const again = await shell('/etc/bimetal/read-seed /tmp/again; echo ended $?; ls /tmp/again');
	t.regex(again, /a server that refuses[\s\S]*ended 1/, 'all was given, and taken back');
	const ssh = await shell('nc 127.0.0.1 22 < /dev/null | head -c 8');
	t.regex(ssh, /SSH-2\.0/);

	// Who vouches for somebody else's authority alone reads nothing.
	const stranger = await shell(
		[
			'wget=/sbin/wget; cp /etc/bimetal/authorities.pem /tmp/own; sed -i "2s/./x/" /etc/bimetal/authorities.pem',
			'/etc/bimetal/read-seed /tmp/again; echo ended $?; cp /tmp/own /etc/bimetal/authorities.pem',
		].join('; '),
	);
	t.regex(stranger, /5 one that is not trusted[\s\S]*ended 1/);

	const mark = (await console()).length;
	node.serial.type(Buffer.from('reboot\r'));
	const rebooted = await until(
		async () => (await console()).slice(mark),
		text => text.includes('configured as'),
		patience,
	);
	t.regex(rebooted, /boot 2 of/);
	t.notRegex(rebooted, /user data ended/, 'the same instance: its script has run');
});
