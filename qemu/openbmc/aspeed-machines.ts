import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { createConsoleLog } from '../machine/console-log.ts';
import { startQemu } from '../machine/start-qemu.ts';

const types = z.array(z.object({ name: z.string() }));
const suffix = '-machine';

/**
 * The boards with an Aspeed BMC that this machine's QEMU has, sorted: what its type system says, so that newer versions'
 * boards are among them. Without the AST1030, a microcontroller on which no Linux runs. Throws PartMissing, QemuFailed.
 */
export async function listAspeedMachines(run: string): Promise<readonly string[]> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-machines-'));
	try {
		const console = createConsoleLog();
		const args = ['-M', 'none', '-nodefaults', '-S'];
		const qemu = await startQemu({
			binary: 'qemu-system-arm',
			name: 'the list of machines',
			args,
			folder,
			run,
			console,
		});
		try {
			const found = types.parse(await qemu.qmp.execute('qom-list-types', { implements: 'aspeed-machine' }));
			return found
				.filter(({ name }) => name.endsWith(suffix) && !name.startsWith('ast1030'))
				.map(({ name }) => name.slice(0, -suffix.length))
				.sort();
		} finally {
			await qemu.stop();
		}
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}
