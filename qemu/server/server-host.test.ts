import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { testHostContract } from '../bmc/contract.ts';
import { createServer } from './server.ts';
import { writeTestDisk } from './test-sector.ts';

let runs = 0;

testHostContract(
	testNeeding('qemu-system-x86', 'qemu-utils'),
	async t => {
		const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-server-'));
		t.teardown(() => rm(folder, { recursive: true, force: true }));
		const file = path.join(folder, 'disk.raw');
		await writeTestDisk(file, 'H');
		return createServer({
			folder,
			run: `test-host-${process.pid}-${runs++}`,
			memoryMiB: 64,
			firmware: 'bios',
			disks: [{ file, format: 'raw' }],
		}).createHost;
	},
	/booted from H/,
);
