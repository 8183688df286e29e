import { spawn } from 'node:child_process';
import { open, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { runMarker } from '../../common/processes/children.ts';
import { askRack, askStatus } from './control-client.ts';
import { controlSocket, type RackStatus } from './control-protocol.ts';
import { type Leftovers, removeLeftovers } from './leftovers.ts';
import { alone, makeRunFolder, type RackFolders } from './rack-folders.ts';
import { planDigest, type RackPlan } from './rack-plan.ts';
import type { StartMessage } from './rack-service.ts';
import { stateMark } from './virtual-rack.ts';

/** Milliseconds for the supervisor to listen: it has Node and its modules to load. */
const patience = 30_000;
/** Milliseconds beyond the servers' own for a rack to end. */
const endPatience = 60_000;
/** Lines of the log that a failure is shown with. */
const shownLines = 5;
/** Of the run folder. */
const logName = 'supervisor.log';

export interface RaiseOptions {
	readonly plan: RackPlan;
	/** The rack file's absolute path. */
	readonly file: string;
	readonly folders: RackFolders;
	/** Switch all servers on. */
	readonly on: boolean;
	readonly onProgress: (text: string) => void;
	/** Ends the wait, not the rack. */
	readonly signal?: AbortSignal | undefined;
}

/**
 * Has a rack up in the background, whatever was there before: starts it, or finds it and switches on what is off.
 * What an earlier one has left behind is removed first. Throws RackChanged when one is up from another description,
 * RackFailed, or what the start failed with.
 */
export async function raiseRack(
	options: RaiseOptions,
): Promise<{ readonly status: RackStatus; readonly wasUp: boolean }> {
	const { plan, folders, on, onProgress, signal } = options;
	const { found, supervisor } = await alone(folders, async () => {
		const found = await askStatus(folders.runFolder);
		if (found && found.digest !== planDigest(plan))
			throw new BimetalError(
				'RackChanged',
				`${plan.name} is up from another description than ${options.file} has now`,
				{ status: 409 },
			);
		return { found, supervisor: found ? undefined : await startSupervisor(options) };
	});
	try {
		await askRack(folders.runFolder, { do: 'up', on }, { onProgress, signal });
		const status = await askStatus(folders.runFolder);
		if (status) return { status, wasUp: found !== undefined };
	} catch (fault) {
		if (signal?.aborted) throw fault;
		// One that could not start ends by itself, and has told why.
		const hasEnded = supervisor && (await Promise.race([supervisor.ended, sleep(10_000, false)]));
		if (hasEnded) await alone(folders, () => removeLeftovers(folders));
		throw fault;
	}
	throw await failure(folders);
}

/** Resolves once it listens, or another one does. Throws RackFailed with the last lines of its log. */
async function startSupervisor(options: RaiseOptions): Promise<{ readonly ended: Promise<true> }> {
	const { plan, folders, file, onProgress, signal } = options;
	const { processes } = await removeLeftovers(folders);
	if (processes.length > 0) onProgress(`ended ${processes.length} processes that were left over`);
	await makeRunFolder(folders);
	const log = await open(join(folders.runFolder, logName), 'a', 0o600);
	const child = spawn(
		process.execPath,
		['--disable-warning=ExperimentalWarning', fileURLToPath(new URL('supervisor.ts', import.meta.url))],
		{
			cwd: '/',
			// A session of its own: neither Ctrl-C nor the end of the terminal reaches it.
			detached: true,
			stdio: ['pipe', log.fd, log.fd],
			env: { ...process.env, [runMarker]: folders.run },
		},
	);
	await log.close();
	let hasEnded = false;
	const ended = new Promise<true>(resolve => {
		for (const event of ['exit', 'error'] as const)
			child.once(event, () => {
				hasEnded = true;
				resolve(true);
			});
	});
	const message: StartMessage = { plan, file, folders, digest: planDigest(plan) };
	child.stdin?.on('error', () => undefined).end(JSON.stringify(message));
	child.unref();
	onProgress('starting the supervisor');
	for (const end = performance.now() + patience; ; await sleep(50)) {
		if (signal?.aborted) throw new BimetalError('Interrupted', 'interrupted');
		const listens = await stat(join(folders.runFolder, controlSocket)).then(
			() => true,
			() => false,
		);
		if (listens) return { ended };
		if (hasEnded || performance.now() > end) throw await failure(folders);
	}
}

async function failure(folders: RackFolders): Promise<BimetalError> {
	const log = await readFile(join(folders.runFolder, logName), 'utf8').catch(() => '');
	const lines = log.trim().split('\n').slice(-shownLines);
	const said = lines[0] === '' ? 'it said nothing' : `its last lines:\n${lines.join('\n')}`;
	return new BimetalError('RackFailed', `the rack's supervisor has ended; ${said}`, { expose: true });
}

export interface LowerOptions {
	readonly folders: RackFolders;
	/** Milliseconds for servers to shut down before their power is cut. */
	readonly patienceMs: number;
	/** Deletes disks, TPMs, the BMCs' settings and credentials as well. */
	readonly wipe: boolean;
	readonly onProgress: (text: string) => void;
	/** Milliseconds for it to end, beside the servers' own; a minute when absent. */
	readonly answerWithinMs?: number;
}

/**
 * Ends a rack, whatever became of it: one that is up in order, else what it has left behind. Afterwards nothing of it
 * runs. Throws StateForeign when what is to be deleted is no rack's, ChildFailed, UnmountFailed.
 */
export function lowerRack(options: LowerOptions): Promise<Lowered> {
	return alone(options.folders, () => lower(options));
}

export interface Lowered {
	readonly wasUp: boolean;
	/** What had to be removed by other means than in order. */
	readonly leftovers: Leftovers;
}

async function lower(options: LowerOptions): Promise<Lowered> {
	const { folders, patienceMs, onProgress } = options;
	const late = AbortSignal.timeout(patienceMs * 2 + (options.answerWithinMs ?? endPatience));
	const request = { do: 'down', patienceMs } as const;
	const wasUp = await askRack(folders.runFolder, request, { onProgress, signal: late }).catch(
		(fault: unknown) => {
			// One that has broken down or stands still: what is left of it is removed below.
			onProgress(`it does not end in order (${fault instanceof Error ? fault.message : fault})`);
			return true;
		},
	);
	if (wasUp && !late.aborted) await goneSoon(folders);
	const leftovers = await removeLeftovers(folders);
	if (options.wipe) await wipe(folders.stateFolder);
	return { wasUp, leftovers };
}

/** It has answered, and needs a moment to be gone. */
async function goneSoon({ runFolder }: RackFolders): Promise<void> {
	for (let wait = 0; wait < 5000; wait += 50) {
		if (!(await stat(runFolder).catch(() => undefined))) break;
		await sleep(50);
	}
	await sleep(200);
}

async function wipe(stateFolder: string): Promise<void> {
	const isThere = await stat(stateFolder).then(
		() => true,
		() => false,
	);
	if (!isThere) return;
	const isRack = await stat(join(stateFolder, stateMark)).then(
		() => true,
		() => false,
	);
	if (!isRack)
		throw new BimetalError('StateForeign', `${stateFolder} is no rack's state: it was not deleted`, {
			status: 409,
		});
	await rm(stateFolder, { recursive: true });
}
