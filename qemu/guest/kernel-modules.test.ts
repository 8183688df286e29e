import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { openModules } from './kernel-modules.ts';

test('modules come after what they need, each once; one that is missing is named', async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-modules-'));
	t.teardown(() => rm(folder, { recursive: true }));
	await mkdir(path.join(folder, 'drivers/usb'), { recursive: true });
	const write = (file: string, needs: string) =>
		writeFile(path.join(folder, 'drivers', file), `\x7fELF\0license=GPL\0depends=${needs}\0retpoline=Y\0`);
	await write('usb/usb-storage.ko', 'scsi_mod,usbcore');
	await write('usb/usbcore.ko', 'usb-common');
	await write('usb/usb-common.ko', '');
	await write('scsi_mod.ko', '');
	await write('orphan.ko', 'parent');
	await writeFile(path.join(folder, 'drivers/mute.ko'), '\x7fELF');
	const order = await openModules(folder);
	const names = async (...wanted: string[]) => (await order(...wanted)).map(module => module.name);
	t.deepEqual(await names('usb-storage', 'usbcore', 'usb_storage'), [
		'scsi_mod',
		'usb_common',
		'usbcore',
		'usb_storage',
	]);
	await t.throwsAsync(order('orphan'), { code: 'ModuleMissing', message: /no module parent/ });
	await t.throwsAsync(order('mute'), { code: 'ModuleMissing', message: /does not say what it needs/ });
});
