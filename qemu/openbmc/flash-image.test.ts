import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { copyFlashImage } from './flash-image.ts';
import { knownByDeviceTrees, knownByFileName, knownImages } from './known-images.ts';

const mebibyte = 1024 * 1024;

async function folderFor(t: ExecutionContext): Promise<string> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-image-'));
	t.teardown(() => rm(folder, { recursive: true }));
	return folder;
}

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

test('what is copied is what was verified, by the command line, the file beside it, or both', async t => {
	const folder = await folderFor(t);
	const image = path.join(folder, 'flash.mtd');
	const bytes = Buffer.alloc(2 * mebibyte + 17, 'flash');
	await writeFile(image, bytes);
	const plain = await copyFlashImage(image, path.join(folder, 'one'), undefined);
	t.is(plain.sha256, digest(bytes));
	t.is(plain.size, bytes.length);
	t.is(plain.verifiedBy, undefined);
	t.deepEqual(await readFile(path.join(folder, 'one')), bytes);

	const given = await copyFlashImage(image, path.join(folder, 'two'), digest(bytes).toUpperCase());
	t.is(given.verifiedBy, 'the command line');
	await writeFile(`${image}.sha256`, `${digest(bytes)}  flash.mtd\n`);
	t.is((await copyFlashImage(image, path.join(folder, 'three'), undefined)).verifiedBy, 'the file beside it');

	const other = digest(Buffer.from('another'));
	await t.throwsAsync(copyFlashImage(image, path.join(folder, 'four'), other), {
		code: 'ImageRefused',
		message: /not what the command line says: its SHA-256 is [0-9a-f]{64}, expected is/,
	});
	await writeFile(`${image}.sha256`, `${other}  flash.mtd\n`);
	await t.throwsAsync(copyFlashImage(image, path.join(folder, 'five'), digest(bytes)), {
		code: 'ImageRefused',
		message: /not what the file beside it says/,
	});
});

test('what is no flash image, or no SHA-256, is refused', async t => {
	const folder = await folderFor(t);
	const image = path.join(folder, 'flash.mtd');
	const refused = (message: RegExp, wanted?: string) =>
		t.throwsAsync(copyFlashImage(image, path.join(folder, 'copy'), wanted), {
			code: 'ImageRefused',
			message,
		});
	await refused(/cannot be read: ENOENT/);
	await writeFile(image, 'too small');
	await refused(/has 9 bytes: that is no flash image/);
	await refused(/no SHA-256: 64 hexadecimal digits/, 'abc');
	await writeFile(`${image}.sha256`, 'what?');
	await refused(/flash\.mtd\.sha256 is no SHA-256/);
	await t.throwsAsync(copyFlashImage(folder, path.join(folder, 'copy'), undefined), {
		message: /is no file/,
	});
});

test('the device tree in an image tells its board, wherever a read ends', async t => {
	const folder = await folderFor(t);
	const image = path.join(folder, 'flash.mtd');
	const bytes = Buffer.alloc(3 * mebibyte, 0xff);
	bytes.write('fdt-aspeed-bmc-opp-romulus.dtb\0', mebibyte - 15);
	await writeFile(image, bytes);
	const { deviceTrees } = await copyFlashImage(image, path.join(folder, 'copy'), undefined);
	t.deepEqual([...deviceTrees], ['aspeed-bmc-opp-romulus']);
	t.is(knownByDeviceTrees(deviceTrees)?.machine, 'romulus-bmc');
	t.is(knownByDeviceTrees(new Set()), undefined);
	const two = new Set(['aspeed-bmc-opp-romulus', 'aspeed-bmc-opp-tacoma']);
	t.is(knownByDeviceTrees(two), undefined, 'of two boards neither is guessed');
});

test("the official images' names tell their boards", t => {
	for (const { name, machine } of knownImages) {
		t.is(knownByFileName(`obmc-phosphor-image-${name}-20260101010101.static.mtd`)?.machine, machine);
		t.is(knownByFileName(`${name}.static.mtd`)?.machine, machine);
	}
	t.is(knownByFileName('flash.mtd'), undefined);
	t.is(knownByFileName('my-romulusish.mtd'), undefined);
});
