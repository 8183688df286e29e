// The proxy's tests for any BMC, before one that a flash image boots on an emulated AST2600: as openbmc.test.ts does it
// with an official image, with one that is made here. The same board, launcher and enrolment; another Redfish service.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { testNeeding } from '../debian/test-needing.ts';
import { writeFlashOfBmc } from '../some-bmc/flash-of-bmc.ts';
import type { SomeBmc } from '../some-bmc/some-bmc.ts';
import { startBoardSite } from '../some-bmc/start-board-site.ts';
import { testSomeBmc } from '../some-bmc/suite.ts';

async function startFlash(): Promise<SomeBmc> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-board-bmc-'));
	const remove = () => rm(folder, { recursive: true });
	try {
		const image = path.join(folder, 'evb-ast2600.static.mtd');
		await writeFlashOfBmc(image);
		const bmc = await startBoardSite(['--image', image, '--timeout', '5m']);
		return { ...bmc, close: () => bmc.close().finally(remove) };
	} catch (fault) {
		await remove();
		throw fault;
	}
}

testSomeBmc(testNeeding('qemu-system-arm', 'apt'), startFlash);
