import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { openNodeDisk } from './node-disk.ts';

const test = testNeeding('qemu-utils');

test('a disk is made once; what a rack file says of it later can neither change nor lose it', async t => {
	const folder = await mkdtemp(join(tmpdir(), 'bm-disk-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const file = join(folder, 'disk.qcow2');
	const empty = { kind: 'empty', bytes: 1024 ** 2 } as const;
	await openNodeDisk(empty, empty, file);
	const made = await readFile(file);
	await openNodeDisk(empty, empty, file);
	t.deepEqual(await readFile(file), made);

	// A guest's disk is another file after each change of the guest; the node's stays a copy of the one it began with.
	const larger = { kind: 'empty', bytes: 2 * 1024 ** 2 } as const;
	const image = { kind: 'image', file, format: 'qcow2' } as const;
	for (const wanted of [larger, image, { kind: 'guest' } as const]) {
		const fault = await t.throwsAsync(openNodeDisk(wanted, wanted.kind === 'guest' ? image : wanted, file), {
			code: 'DiskDiffers',
		});
		t.regex(String(fault?.message), /was made as empty:1048576, and the rack file says .*: delete that file/);
		t.deepEqual(await readFile(file), made);
	}

	const other = join(folder, 'other.qcow2');
	await openNodeDisk({ kind: 'guest' }, image, other);
	await openNodeDisk({ kind: 'guest' }, { ...image, file: join(folder, 'newer.qcow2') }, other);
	await t.throwsAsync(openNodeDisk(image, { ...image, file: join(folder, 'none') }, join(folder, 'x')), {
		code: 'DiskFailed',
	});
	t.deepEqual((await readdir(folder)).sort(), [
		...['disk.qcow2', 'disk.qcow2.made-as', 'other.qcow2', 'other.qcow2.made-as'],
	]);
});
