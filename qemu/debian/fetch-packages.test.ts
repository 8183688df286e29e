import { access, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { fetchPackages } from './fetch-packages.ts';
import { unpackPackages } from './unpack-packages.ts';

const test = testNeeding('apt');

test('packages of another architecture come with what they need, are kept, and are unpacked in part', async t => {
	const cache = await mkdtemp(path.join(tmpdir(), 'bimetal-packages-'));
	t.teardown(() => rm(cache, { recursive: true }));
	const steps: string[] = [];
	const wanted = {
		suite: 'bookworm',
		architecture: 'armhf',
		packages: ['busybox'],
		cache,
		onProgress: (step: string) => void steps.push(step),
	} as const;
	const files = await fetchPackages(wanted);
	t.true(files.some(file => path.basename(file).startsWith('busybox_')));
	t.true(files.some(file => path.basename(file).startsWith('libc6_')));
	t.true(steps.length >= 2);

	const before = steps.length;
	t.deepEqual(await fetchPackages(wanted), files);
	t.is(steps.length, before, 'nothing is looked up again');
	// One is gone: it is fetched again.
	await rm(files[0] ?? '');
	t.deepEqual(await fetchPackages(wanted), files);
	await access(files[0] ?? '');

	const folder = path.join(cache, 'unpacked');
	await unpackPackages(files, folder, ['./bin/*', './lib/arm-linux-gnueabihf/libc.so.6']);
	const busybox = await readFile(path.join(folder, 'bin/busybox'));
	t.is(busybox.subarray(0, 4).toString('latin1'), '\x7fELF');
	t.is(busybox.readUInt16LE(18), 40, 'EM_ARM');
	t.true((await stat(path.join(folder, 'lib/arm-linux-gnueabihf/libc.so.6'))).isFile());
	t.deepEqual((await readdir(folder)).sort(), ['bin', 'lib']);

	await t.throwsAsync(fetchPackages({ ...wanted, packages: ['no-such-package'] }), {
		code: 'AptFailed',
		message: /Unable to locate package no-such-package/,
	});
});
