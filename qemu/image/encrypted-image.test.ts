// What is encrypted here is opened by cryptsetup, which we did not write; and by the kernel: test/system/tenant-disk.test.ts.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { createTerminal } from '../../cli/test-terminal.ts';
import { findProgram } from '../../common/processes/programs.ts';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { makeExt4, putIntoExt4 } from '../guest/ext4-volume.ts';

const test = testNeeding('e2fsprogs', 'qemu-utils', 'cryptsetup-bin');
const marker = 'only for the tenant: '.repeat(40);
const content = (text: string) => ({ kind: 'file', content: text }) as const;
const boot = { 'boot/vmlinuz': content('a kernel'), 'boot/initrd': content('an initrd') };
const arguments_ = { 'boot/arguments': content('console=ttyS0 quiet\n') };

async function image(t: ExecutionContext, entries: Parameters<typeof putIntoExt4>[1]) {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-encrypt-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const at = (name: string) => path.join(folder, name);
	await makeExt4(at('plain.img'), { label: 'bimetal-root', size: 8 * 2 ** 20 });
	await putIntoExt4(at('plain.img'), entries);
	await writeFile(at('luks.key'), createHash('sha512').update('a key').digest());
	const encrypt = (...more: string[]) =>
		createTerminal({ cwd: folder }).run('image', 'encrypt', 'plain.img', '--key', 'luks.key', ...more);
	return { at, folder, encrypt };
}

test('an encrypted disk is a LUKS2 container that its key opens, and shows nothing of what is in it', async t => {
	const { at, folder, encrypt } = await image(t, { ...boot, ...arguments_, 'etc/secret': content(marker) });
	t.true((await readFile(at('plain.img'))).includes(marker));
	const done = await encrypt('--out', 'web.qcow2');
	t.is(done.code, 0, done.err);
	const settings = JSON.parse(await readFile(at('web.qcow2.boot.json'), 'utf8'));
	const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
	t.like(settings, {
		kernel: sha256('a kernel'),
		initrd: sha256('an initrd'),
		arguments: 'console=ttyS0 quiet',
	});
	t.deepEqual((await readdir(folder)).sort(), ['luks.key', 'plain.img', 'web.qcow2', 'web.qcow2.boot.json']);

	execFileSync('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', at('web.qcow2'), at('web.raw')]);
	const raw = await readFile(at('web.raw'));
	for (const words of [marker.slice(0, 21), 'a kernel', 'bimetal-root']) t.false(raw.includes(words), words);
	// Not one block is as empty as it was: nobody sees which ones are used.
	for (let block = 2 * 2 ** 20; block < raw.length; block += 4096)
		if (raw.subarray(block, block + 4096).every(byte => byte === 0)) t.fail(`zeros at ${block}`);
	const cryptsetup = await findProgram('cryptsetup');
	const luks = (...args: string[]) =>
		execFileSync(cryptsetup, [...args, at('web.raw')], { encoding: 'utf8', stdio: 'pipe' });
	t.is(luks('luksUUID').trim(), settings.disk);
	t.regex(luks('luksDump'), /Version:\s+2\n[\s\S]*cipher: aes-xts-plain64\n\s+sector: 1024 /);
	t.notThrows(() => luks('open', '--test-passphrase', '--key-file', at('luks.key')));
	await writeFile(at('other.key'), Buffer.alloc(64, 1));
	t.throws(() => luks('open', '--test-passphrase', '--key-file', at('other.key')), { message: /No key/ });

	// The same again has another key of its own, and so no byte in common.
	t.is((await encrypt('--out', 'again.qcow2')).code, 0);
	execFileSync('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', at('again.qcow2'), at('again.raw')]);
	const again = await readFile(at('again.raw'));
	t.false(again.subarray(2 ** 21, 2 ** 21 + 4096).equals(raw.subarray(2 ** 21, 2 ** 21 + 4096)));
	// And nothing is written over.
	const over = await encrypt('--out', 'web.qcow2');
	t.not(over.code, 0);
	t.regex(over.err, /web\.qcow2 is there already/);
	t.deepEqual(JSON.parse(await readFile(at('web.qcow2.boot.json'), 'utf8')), settings);

	const payload = await createTerminal({ cwd: folder }).run(
		...['attest', 'payload', '--luks-key', 'luks.key'],
		...['--boot', 'web.qcow2.boot.json', '--out', 'n1.payload'],
	);
	t.is(payload.code, 0, payload.err);
	// GNU tar reads what a node's busybox is given.
	const tar = (...args: string[]) => execFileSync('tar', [...args, '-f', at('n1.payload')]);
	t.is(tar('-t').toString(), 'boot.conf\nluks.key\n');
	t.deepEqual(tar('-x', '-O', 'luks.key'), await readFile(at('luks.key')));
	t.is(
		tar('-x', '-O', 'boot.conf').toString(),
		`disk=${settings.disk}\nkernel=${settings.kernel}\ninitrd=${settings.initrd}\narguments=console=ttyS0 quiet\n`,
	);
});

test('an image that no airlock could start is refused, and so is a key that could be guessed; nothing is left', async t => {
	const { at, folder, encrypt } = await image(t, boot);
	const unfit = await encrypt('--out', 'web.qcow2');
	t.not(unfit.code, 0);
	t.regex(unfit.err, /no \/boot\/arguments[\s\S]*--attested/);
	await writeFile(at('luks.key'), 'password');
	const short = await encrypt('--out', 'web.qcow2');
	t.not(short.code, 0);
	t.regex(short.err, /has 8 bytes[\s\S]*\/dev\/urandom/);
	t.deepEqual((await readdir(folder)).sort(), ['luks.key', 'plain.img']);
});

test('a payload is made of what an airlock understands, or not at all', async t => {
	const { at, folder } = await image(t, boot);
	const digest = 'ab'.repeat(32);
	const good = {
		disk: 'd841e614-b4c5-47b1-91eb-fd4b5744df06',
		kernel: digest,
		initrd: digest,
		arguments: 'quiet',
	};
	const make = async (settings: unknown, ...more: string[]) => {
		await writeFile(at('boot.json'), typeof settings === 'string' ? settings : JSON.stringify(settings));
		return createTerminal({ cwd: folder }).run(
			...['attest', 'payload', '--luks-key', 'luks.key', '--boot', 'boot.json', '--out', 'n1.payload'],
			...more,
		);
	};
	for (const wrong of [
		{ ...good, disk: '/dev/vda' },
		{ ...good, kernel: 'abc' },
		{ ...good, arguments: 'quiet\nkernel=1' },
		{ ...good, more: 'x' },
		'no JSON',
	]) {
		const { code, err } = await make(wrong);
		t.is(code, 2, JSON.stringify(wrong));
		t.regex(err, /boot\.json/);
	}
	await writeFile(at('net.key'), Buffer.alloc(64, 3));
	await writeFile(at('short.key'), 'password');
	const network = (key: string, node: string, ...peers: string[]) => [
		...['--ipsec-key', key, '--node', node],
		...peers.flatMap(peer => ['--peer', peer]),
	];
	for (const wrong of [
		network('short.key', 'n1=10.1.0.1', 'n2=10.1.0.2'),
		network('net.key', 'n1=10.1.0.1'),
		network('net.key', 'n1', 'n2=10.1.0.2'),
		network('net.key', 'n1=10.1.0.1', 'n2=10.1.0.256'),
		network('net.key', 'n1=10.1.0.1', 'n2=10.1.0.2', 'n1=10.1.0.3'),
		network('net.key', 'n1=10.1.0.1', 'n2 n3=10.1.0.2'),
	])
		t.is((await make(good, ...wrong)).code, 2, wrong.join(' '));
	t.false((await readdir(folder)).includes('n1.payload'));
	const made = await make(good, ...network('net.key', 'n1=10.1.0.1', 'n2=10.1.0.2', 'n3=10.1.0.3'));
	t.is(made.code, 0, made.err);
	const tar = (file: string) => execFileSync('tar', ['-x', '-O', '-f', at('n1.payload'), file]).toString();
	t.is(tar('ipsec/self'), 'n1 10.1.0.1\n');
	t.regex(tar('ipsec/peers'), /^n2 10\.1\.0\.2 [0-9a-f]{64}\nn3 10\.1\.0\.3 [0-9a-f]{64}\n$/);
	t.is((await make(good)).code, 2, 'nothing is written over');
});
