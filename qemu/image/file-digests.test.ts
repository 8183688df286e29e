import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { link, mkdir, mkdtemp, open, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { createTerminal } from '../../cli/test-terminal.ts';
import { findProgram } from '../../common/processes/programs.ts';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { fileDigests } from './file-digests.ts';

const test = testNeeding('e2fsprogs', 'qemu-utils');
const sha256 = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest('hex');

async function fileSystem(t: ExecutionContext) {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-allowlist-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const tree = path.join(folder, 'tree');
	await mkdir(path.join(tree, 'usr/bin/deep/er'), { recursive: true });
	await writeFile(path.join(tree, 'usr/bin/a b'), 'with a space');
	await writeFile(path.join(tree, 'usr/bin/größe'), 'beyond ASCII');
	await writeFile(path.join(tree, 'usr/bin/deep/er/empty'), '');
	await writeFile(path.join(tree, 'large'), Buffer.alloc(3_000_000, 7));
	await link(path.join(tree, 'large'), path.join(tree, 'usr/again'));
	await symlink('/etc/passwd', path.join(tree, 'usr/bin/passwd'));
	const system = path.join(folder, 'root.ext4');
	await (await open(system, 'w')).close();
	execFileSync('truncate', ['-s', '16M', system]);
	execFileSync(await findProgram('mkfs.ext4'), ['-q', '-d', tree, system]);
	return { folder, system };
}

const expected = {
	'/large': sha256(Buffer.alloc(3_000_000, 7)),
	'/usr/again': sha256(Buffer.alloc(3_000_000, 7)),
	'/usr/bin/a b': sha256('with a space'),
	'/usr/bin/deep/er/empty': sha256(''),
	'/usr/bin/größe': sha256('beyond ASCII'),
};

/** The file system on a disk, from its second MiB on, in a partition table of either kind. */
async function disk(folder: string, system: string, table: 'gpt' | 'mbr'): Promise<string> {
	const bytes = Buffer.concat([Buffer.alloc(2 ** 20), await readFile(system)]);
	if (table === 'mbr') {
		bytes.writeUInt32LE(2048, 446 + 16 + 8);
		bytes.writeUInt16LE(0xaa55, 510);
	} else {
		bytes.write('EFI PART', 512, 'latin1');
		bytes.writeBigUInt64LE(2n, 512 + 72);
		bytes.writeUInt32LE(4, 512 + 80);
		bytes.writeUInt32LE(128, 512 + 84);
		bytes.writeBigUInt64LE(2048n, 1024 + 128 + 32);
	}
	const file = path.join(folder, `${table}.img`);
	await writeFile(file, bytes);
	return file;
}

test('every file of an image has its digest: bare, in partitions, and in qcow2', async t => {
	const { folder, system } = await fileSystem(t);
	t.deepEqual(Object.fromEntries(await fileDigests(system)), expected);
	for (const table of ['gpt', 'mbr'] as const) {
		const raw = await disk(folder, system, table);
		t.deepEqual(Object.fromEntries(await fileDigests(raw)), expected, table);
	}
	const qcow2 = path.join(folder, 'disk.qcow2');
	execFileSync('qemu-img', ['convert', '-O', 'qcow2', path.join(folder, 'gpt.img'), qcow2]);
	t.deepEqual(Object.fromEntries(await fileDigests(qcow2)), expected);
	const upon = path.join(folder, 'upon.qcow2');
	execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', qcow2, '-F', 'qcow2', upon]);
	await t.throwsAsync(fileDigests(upon), { code: 'ImageRefused', message: /backing file/ });
	const nothing = path.join(folder, 'nothing');
	await writeFile(nothing, Buffer.alloc(100_000));
	await t.throwsAsync(fileDigests(nothing), { code: 'ImageRefused', message: /no ext2, ext3 or ext4/ });
});

test('the command line writes them as a policy has them, with paths as IMA does', async t => {
	const { folder } = await fileSystem(t);
	const run = (...argv: string[]) => createTerminal({ cwd: folder }).run('image', 'allowlist', ...argv);
	const all = await run('root.ext4', '--json');
	t.is(all.code, 0, all.err);
	const { files } = (JSON.parse(all.out) as { ima: { files: Record<string, string> } }).ima;
	t.is(files['/usr/bin/a_b'], `sha256:${sha256('with a space')}`);
	t.is(Object.keys(files).length, 5);
	t.regex(
		(await run('root.ext4', '--under', '/usr/bin/deep', '--out', 'x.yaml')).out,
		/^The digests of 1 files/,
	);
	t.is(
		await readFile(path.join(folder, 'x.yaml'), 'utf8'),
		`ima:\n  files:\n    /usr/bin/deep/er/empty: sha256:${sha256('')}\n`,
	);
});
