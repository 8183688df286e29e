import type { ChildProcess } from 'node:child_process';

/** Kills a process that has nothing to lose; resolves when it is gone. */
export async function endProcess(child: ChildProcess): Promise<void> {
	if (child.exitCode !== null || child.signalCode !== null) return;
	const gone = new Promise(resolve => child.once('exit', resolve));
	child.kill('SIGKILL');
	await gone;
}
