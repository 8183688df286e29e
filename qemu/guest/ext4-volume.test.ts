import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { makeDiskImage } from './disk-image.ts';
import { makeExt4, putIntoExt4 } from './ext4-volume.ts';

const test = testNeeding('e2fsprogs', 'mtools', 'syslinux', 'qemu-utils');

async function place(t: ExecutionContext): Promise<string> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-ext4-'));
	t.teardown(() => rm(folder, { recursive: true }));
	return folder;
}

const entries = {
	'bin/tool': { kind: 'file', content: 'first', isProgram: true },
	'bin/sh': { kind: 'link', to: 'tool' },
	proc: { kind: 'folder' },
} as const;

test('files are root’s and of one time, are exchanged by name, and the file system is whole', async t => {
	const folder = await place(t);
	const file = path.join(folder, 'root');
	await makeExt4(file, { label: 'bimetal-root', size: 2 ** 23 });
	await putIntoExt4(file, entries);
	await putIntoExt4(file, { 'bin/tool': { kind: 'file', content: 'second' } });
	const debugfs = (request: string): string =>
		execFileSync('debugfs', ['-R', request, file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
	t.is(debugfs('cat /bin/tool'), 'second');
	t.regex(debugfs('stat /bin/tool'), /Mode: {2}0644[\s\S]*User: +0 +Group: +0[\s\S]*mtime: 0x386d4380/);
	t.regex(debugfs('stat /bin/sh'), /Fast link dest: "tool"/);
	t.regex(debugfs('stat /proc'), /Type: directory/);
	t.notThrows(() => execFileSync('e2fsck', ['-f', '-n', file], { stdio: 'ignore' }));
	await t.throwsAsync(putIntoExt4(file, { 'a b': { kind: 'folder' } }), { code: 'GuestNotBuilt' });
	const large = { kind: 'file', content: Buffer.alloc(2 ** 24, 1) } as const;
	await t.throwsAsync(putIntoExt4(file, { large }), { code: 'GuestNotBuilt', message: /debugfs/ });
});

test('the same parts make the same disk, byte for byte', async t => {
	const disks: Buffer[] = [];
	for (let time = 0; time < 2; time++) {
		const folder = await place(t);
		const file = path.join(folder, 'root');
		await makeExt4(file, { label: 'bimetal-root', size: 2 ** 23 });
		await putIntoExt4(file, entries);
		const parts = { kernel: Buffer.from('k'), initrd: Buffer.from('i'), efiProgram: Buffer.from('e') };
		await makeDiskImage(folder, 'disk', {
			...parts,
			commandLine: 'quiet',
			masterBootRecord: Buffer.alloc(440),
			root: { file, size: 2 ** 23 },
		});
		disks.push(await readFile(path.join(folder, 'disk')));
		const disk = path.join(folder, 'disk');
		execFileSync('qemu-img', ['convert', '-O', 'raw', disk, `${disk}.raw`]);
		const env = { ...process.env, MTOOLSRC: '/dev/null', MTOOLS_SKIP_CHECK: '1', TZ: 'UTC' };
		const listed = execFileSync('mdir', ['-i', `${disk}.raw@@1M`, '::'], { env, encoding: 'utf8' });
		t.regex(listed, /vmlinuz +1 2000-01-01/, listed);
	}
	t.true(disks[0]?.equals(disks[1] ?? Buffer.alloc(0)));
});
