import { mkdtemp, readdir, readlink, rm, stat } from 'node:fs/promises';
import path from 'node:path';

/** Milliseconds: no build takes as long. */
const day = 24 * 3600 * 1000;

/**
 * A folder in `cache` for building something, which its maker removes. What builds that were killed have left there, longer than
 * a day ago, goes first: where neither its maker lives (its number is in the name) nor a program of its that works in it.
 */
export async function makeWorkFolder(cache: string, now = Date.now()): Promise<string> {
	for (const name of await readdir(cache)) {
		// Older ones have no number in their names.
		const [isOne, maker] = /^(?:unpacked|guest-new)-(?:(\d+)-)?\w{6}$/.exec(name) ?? [];
		if (isOne === undefined) continue;
		const folder = path.join(cache, name);
		// Not mtime: what is unpacked sets that to the day when its package was made.
		const { ctimeMs } = await stat(folder).catch(() => ({ ctimeMs: now }));
		if (now - ctimeMs < day || (maker !== undefined && isAlive(Number(maker)))) continue;
		if (await isWorkedIn(folder)) continue;
		// Another user's stays, and keeps nobody from building.
		await rm(folder, { recursive: true, force: true }).catch(() => undefined);
	}
	return mkdtemp(path.join(cache, `guest-new-${process.pid}-`));
}

function isAlive(pid: number): boolean {
	try {
		process.kill(pid, 0);
		return true;
	} catch (fault) {
		return (fault as NodeJS.ErrnoException).code === 'EPERM';
	}
}

/** Whether a process has its working directory or its root there (proc(5)), as programs that fill a file system have. */
async function isWorkedIn(folder: string): Promise<boolean> {
	for (const pid of await readdir('/proc').catch(() => [])) {
		if (!/^\d+$/.test(pid)) continue;
		for (const link of ['cwd', 'root']) {
			const at = await readlink(`/proc/${pid}/${link}`).catch(() => '');
			if (at === folder || at.startsWith(`${folder}/`)) return true;
		}
	}
	return false;
}
