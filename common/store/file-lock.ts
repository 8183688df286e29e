import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Clock } from '../clock.ts';

const holderSchema = z.strictObject({
	pid: z.int().positive(),
	/** When that process started, in ticks since the boot; null where there is no /proc. Tells a reused pid. */
	started: z.string().nullable(),
	/** Which boot; null where there is no /proc. */
	boot: z.string().nullable(),
	since: z.iso.datetime(),
	token: z.string(),
});
type Holder = z.infer<typeof holderSchema>;

export type LockResult =
	| { readonly locked: true; release(): Promise<void> }
	| { readonly locked: false; readonly holder: string };

/**
 * Takes the lock file `path`, so that of all processes of this machine that ask, one has it. The lock of a process
 * that died, even by SIGKILL or with the machine, is taken over. It does not see processes of other machines, nor of
 * other PID namespaces: a folder shared with those needs another arrangement.
 */
export async function lockFile(path: string, clock: Clock): Promise<LockResult> {
	const mine: Holder = {
		pid: process.pid,
		started: await startOf(process.pid),
		boot: await bootId(),
		since: new Date(clock.now()).toISOString(),
		token: randomUUID(),
	};
	const draft = `${path}.${mine.token}`;
	await writeFile(draft, `${JSON.stringify(mine)}\n`, { flag: 'wx', mode: 0o600 });
	try {
		return await take(path, draft, mine, clock);
	} finally {
		await rm(draft, { force: true });
	}
}

async function take(path: string, draft: string, mine: Holder, clock: Clock): Promise<LockResult> {
	const release = async () => {
		if ((await holderOf(path))?.token === mine.token) await rm(path, { force: true });
	};
	if (await linkedNew(draft, path)) return { locked: true, release };
	const other = await holderOf(path);
	if (other && (await isAlive(other))) return { locked: false, holder: describe(other) };

	// The holder is dead. Whoever takes over must be alone with that: without this second lock, a slow process that
	// saw the dead holder could replace the lock of a quick one that has taken over already.
	const takeover = await lockFile(`${path}.takeover`, clock);
	if (!takeover.locked) return takeover;
	try {
		const now = await holderOf(path);
		if (now && (await isAlive(now))) return { locked: false, holder: describe(now) };
		await rename(draft, path);
		return { locked: true, release };
	} finally {
		await takeover.release();
	}
}

async function linkedNew(draft: string, path: string): Promise<boolean> {
	try {
		await link(draft, path);
		return true;
	} catch (error) {
		if (hasCode(error, 'EEXIST')) return false;
		throw error;
	}
}

/** Undefined when there is no lock, or one that no process can have written whole: a crash left it. */
async function holderOf(path: string): Promise<Holder | undefined> {
	try {
		return holderSchema.parse(JSON.parse(await readFile(path, 'utf8')));
	} catch (error) {
		if (hasCode(error, 'ENOENT') || error instanceof SyntaxError || error instanceof z.ZodError)
			return undefined;
		throw error;
	}
}

async function isAlive(holder: Holder): Promise<boolean> {
	if (holder.boot !== (await bootId())) return false;
	if (holder.started !== null) return holder.started === (await startOf(holder.pid));
	try {
		process.kill(holder.pid, 0);
		return true;
	} catch (error) {
		return hasCode(error, 'EPERM');
	}
}

/** proc_pid_stat(5), field 22. The second field, the command in parentheses, may hold anything, blanks included. */
async function startOf(pid: number): Promise<string | null> {
	const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
	if (stat === null) return null;
	const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
	// A zombie still has its entry but runs no more.
	if (fields[0] === 'Z' || fields[0] === 'X') return null;
	return fields[19] ?? null;
}

async function bootId(): Promise<string | null> {
	const id = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => null);
	return id?.trim() ?? null;
}

function describe(holder: Holder): string {
	return `process ${holder.pid} since ${holder.since}`;
}

function hasCode(error: unknown, code: string): boolean {
	return error instanceof Error && 'code' in error && error.code === code;
}
