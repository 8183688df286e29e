import { execFile } from 'node:child_process';
import { access, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { findProgram } from '../../common/processes/programs.ts';

const run = promisify(execFile);
/** Bytes: a power of two, as QEMU's cards are. */
const cardSize = 64 * 1024 * 1024;

/**
 * A board's card (its eMMC): an ext4 file system with a folder's files, made once and then the board's, which keeps its
 * store and audit log there. As secret as what is in it: mode 0600. Nothing is mounted, and root is not needed.
 * Throws PartMissing, CardFailed.
 */
export async function openCard(file: string, makeContent: () => Promise<string>): Promise<void> {
	const isThere = await access(file).then(
		() => true,
		() => false,
	);
	if (isThere) return;
	const unfinished = `${file}.unfinished`;
	await rm(unfinished, { force: true });
	await writeFile(unfinished, '', { mode: 0o600 });
	await truncate(unfinished, cardSize);
	const mkfs = await findProgram('mkfs.ext4');
	const content = await makeContent();
	await run(mkfs, ['-q', '-E', 'root_owner=0:0', '-L', 'board', '-d', content, unfinished]).catch(cause => {
		const { stderr } = cause as { stderr?: string };
		throw new BimetalError('CardFailed', `mkfs.ext4: ${stderr?.trim()}`, { cause, expose: true });
	});
	await rename(unfinished, file);
}
