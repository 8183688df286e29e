import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const prefix = 'bimetal-openbmc-';

/**
 * A temporary folder that is gone with this process: at its end by whoever made it, or, when it was killed, at the next
 * call in any process of the same user. Its name says whose it is.
 */
export async function makeBoardFolder(): Promise<string> {
	await removeOrphans();
	return mkdtemp(path.join(tmpdir(), `${prefix}${process.pid}-`));
}

async function removeOrphans(): Promise<void> {
	for (const name of await readdir(tmpdir())) {
		const [, pid] = new RegExp(`^${prefix}(\\d+)-\\w+$`).exec(name) ?? [];
		if (pid === undefined || isAlive(Number(pid))) continue;
		const folder = path.join(tmpdir(), name);
		const owner = await stat(folder).then(
			({ uid }) => uid,
			() => undefined,
		);
		if (owner === process.getuid?.()) await rm(folder, { recursive: true, force: true });
	}
}

function isAlive(pid: number): boolean {
	try {
		process.kill(pid, 0);
		return true;
	} catch (fault) {
		return (fault as NodeJS.ErrnoException).code === 'EPERM';
	}
}
