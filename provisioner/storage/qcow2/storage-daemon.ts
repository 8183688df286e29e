import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { Clock } from '../../../common/clock.ts';
import type { Logger } from '../../../common/log/logger.ts';
import { type Child, startChild } from '../../../common/processes/children.ts';
import { type KeptDaemon, keepDaemon } from '../../../common/processes/kept-daemon.ts';
import { findProgram } from '../../../common/processes/programs.ts';
import { connectQmp, type Qmp } from '../../../common/processes/qmp.ts';
import { socketPath } from '../../../common/processes/socket-path.ts';
import { provisionerErrors } from '../../errors.ts';
import { createHeldExports } from './held-exports.ts';
import { unmountStale } from './stale-mounts.ts';

export interface StorageDaemonDeps {
	/** Names the processes; see common/processes/children.ts. */
	readonly run: string;
	/** For the socket and the exports; made when it is not there. */
	readonly folder: string;
	readonly clock: Clock;
	readonly logger: Logger;
	/** It has died: until this resolves, what is read from and written to its exports waits; then it fails. */
	readonly onLost: () => Promise<void>;
	/** It had died and runs again, without any export. Rejects when one is missing: it is then called again. */
	readonly restore: () => Promise<void>;
}

/**
 * One qemu-storage-daemon for all disks (QEMU Storage Daemon QMP Reference Manual): each is a FUSE file that tgtd opens. It is
 * started when it is first needed, and when it dies it is started again.
 */
export interface StorageDaemon {
	/**
	 * Makes a qcow2 file upon another one, by whose name alone it is known there: `size` is to be that one's. No process has to
	 * be started for it, which takes longer than all the rest of a clone. The caller syncs it.
	 */
	createUpon(file: string, parent: { readonly name: string; readonly size: number }): Promise<void>;
	/** How often it was started: what an earlier one had is not exported any more. */
	generation(): number;
	/** Rejects while it is not as it should be, or could not be started. */
	check(): Promise<void>;
	/** Opens a qcow2 file and exports it; the path of the export, which is another one each time. */
	attach(node: string, file: string, isReadOnly: boolean): Promise<string>;
	/** What is exported goes on with a new file upon the one so far, from one moment to the next. */
	addOverlay(node: string, overlay: { readonly node: string; readonly file: string }): Promise<void>;
	/** Writes what an overlay has into the file that it stands upon, while another one stands upon it. */
	merge(options: {
		readonly top: string;
		readonly middle: string;
		readonly base: string;
		readonly baseName: string;
	}): Promise<void>;
	detach(node: string): Promise<void>;
	close(): Promise<void>;
}

/** Milliseconds for the daemon to open its socket, and for an export to go. */
const patience = { start: 10_000, export: 10_000 };
const job = z.array(z.looseObject({ id: z.string(), error: z.string().optional() }));

interface Running {
	readonly child: Child;
	readonly qmp: Qmp;
}

export async function openStorageDaemon(deps: StorageDaemonDeps): Promise<StorageDaemon> {
	const { run, folder, restore, onLost, clock, logger } = deps;
	const exports = path.join(folder, 'exports');
	const held = createHeldExports({ run, folder, logger });
	let isClosed = false;
	/** Over when nobody waits any more for one that has died. */
	let letGo: Promise<unknown> = Promise.resolve();
	let kept: KeptDaemon<Running> | undefined;
	let starting: Promise<void> | undefined;
	let generation = 0;
	let lastExport = 0;
	/** Where each node is exported. */
	const mountpoints = new Map<string, string>();

	/** Without exports: what an earlier one has left mounted can be neither read nor replaced. */
	async function clear(): Promise<void> {
		await unmountStale(exports);
		await rm(exports, { recursive: true, force: true });
		await mkdir(exports, { recursive: true, mode: 0o700 });
		mountpoints.clear();
	}

	async function start(): Promise<Running> {
		await letGo;
		await clear();
		await rm(path.join(folder, 'qmp.sock'), { force: true });
		// By the process's folder: the path of a UNIX socket has room for 107 bytes only.
		const child = await startChild(
			'qemu-storage-daemon',
			[...['--chardev', 'socket,path=qmp.sock,server=on,wait=off,id=qmp'], ...['--monitor', 'chardev=qmp']],
			{ run, folder },
		);
		try {
			const qmp = await connect(child);
			generation++;
			void child.exited.then(() => {
				if (!isClosed) letGo = onLost().finally(() => held.release());
			});
			return { child, qmp };
		} catch (fault) {
			await child.stop();
			throw fault;
		}
	}

	/** @throws PartMissing, StorageFault */
	async function mustRun(): Promise<void> {
		if (kept) return;
		starting ??= keepDaemon({ name: 'qemu-storage-daemon', start, restore, clock, logger })
			.then(daemon => {
				kept = daemon;
			})
			.finally(() => {
				starting = undefined;
			});
		await starting;
	}

	async function connect(child: Child): Promise<Qmp> {
		const socket = socketPath(path.join(folder, 'qmp.sock'));
		const until = clock.elapsed() + patience.start;
		let hasEnded = false;
		void child.exited.then(() => {
			hasEnded = true;
		});
		for (;;) {
			try {
				return await connectQmp(socket);
			} catch (cause) {
				if (hasEnded || clock.elapsed() > until) {
					const said = child.errorLines().join('; ') || 'it opened no socket';
					throw provisionerErrors.StorageFault(`qemu-storage-daemon: ${said}`, { cause });
				}
				await new Promise<void>(resolve => clock.after(5, resolve));
			}
		}
	}

	function running(): Running {
		const current = kept?.current();
		if (!current) throw provisionerErrors.StorageFault('The storage daemon is being started again.');
		return current;
	}

	async function execute(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
		const { qmp } = running();
		try {
			return await qmp.execute(command, args);
		} catch (cause) {
			const words = cause instanceof Error ? cause.message : String(cause);
			throw provisionerErrors.StorageFault(`${command}: ${words}`, { cause });
		}
	}

	/** Resolves with the first event that fits, once `begin` has been carried out; without `limit`, however long that takes. */
	async function eventAfter(
		fits: (event: { event: string; data: Readonly<Record<string, unknown>> }) => boolean,
		begin: () => Promise<unknown>,
		limit?: number,
	): Promise<void> {
		const at = running();
		let stop: () => void = () => undefined;
		let cancel: () => void = () => undefined;
		const came = new Promise<void>((resolve, reject) => {
			stop = at.qmp.onEvent(event => {
				if (fits(event)) resolve();
			});
			if (limit !== undefined) {
				cancel = clock.after(limit, () =>
					reject(provisionerErrors.StorageFault('The storage daemon does not finish.')),
				);
			}
			void at.qmp.closed.then(() => reject(provisionerErrors.StorageFault('The storage daemon has ended.')));
		});
		came.catch(() => undefined);
		try {
			await begin();
			await came;
		} finally {
			stop();
			cancel();
		}
	}

	/** Begins a job by a command that takes its id, and waits for its end. */
	async function finish(command: string, id: string, args: Readonly<Record<string, unknown>>): Promise<void> {
		// Other jobs dismiss themselves, with what they met.
		const kept = command === 'blockdev-create' ? {} : { 'auto-dismiss': false };
		await eventAfter(
			({ event, data }) => event === 'JOB_STATUS_CHANGE' && data.id === id && data.status === 'concluded',
			() => execute(command, { 'job-id': id, ...kept, ...args }),
		);
		// Carried out in this order.
		const [jobs] = await Promise.all([execute('query-jobs'), execute('job-dismiss', { id })]);
		const found = job.parse(jobs).find(each => each.id === id);
		if (found?.error !== undefined) throw provisionerErrors.StorageFault(`${command}: ${found.error}`);
	}

	let lastNumber = 0;
	await clear();
	return {
		generation: () => generation,
		async check() {
			if (kept) kept.check();
			else await findProgram('qemu-storage-daemon');
		},
		async createUpon(file, { name, size }) {
			await mustRun();
			const node = `new-${++lastNumber}`;
			await writeFile(file, '', { flag: 'wx', mode: 0o600 });
			// It is nobody's before it is synced as a whole: not at each step of its making.
			const unsynced = { 'no-flush': true };
			await execute('blockdev-add', { driver: 'file', 'node-name': node, filename: file, cache: unsynced });
			try {
				const options = { driver: 'qcow2', file: node, size, 'backing-file': name, 'backing-fmt': 'qcow2' };
				await finish('blockdev-create', node, { options });
			} finally {
				await execute('blockdev-del', { 'node-name': node });
			}
		},
		async attach(node, file, isReadOnly) {
			await mustRun();
			const mountpoint = path.join(exports, `${node}.${++lastExport}`);
			await writeFile(mountpoint, '', { mode: 0o600 });
			await execute('blockdev-add', {
				driver: 'qcow2',
				'node-name': node,
				'read-only': isReadOnly,
				discard: 'unmap',
				file: { driver: 'file', filename: file, discard: 'unmap' },
			});
			try {
				await execute('block-export-add', {
					type: 'fuse',
					id: node,
					'node-name': node,
					mountpoint,
					writable: !isReadOnly,
					'allow-other': 'off',
				});
			} catch (fault) {
				await execute('blockdev-del', { 'node-name': node }).catch(() => undefined);
				throw fault;
			}
			mountpoints.set(node, mountpoint);
			await held.hold(running().child.pid);
			return mountpoint;
		},
		async addOverlay(node, overlay) {
			await execute('blockdev-snapshot-sync', {
				'node-name': node,
				'snapshot-file': overlay.file,
				'snapshot-node-name': overlay.node,
				format: 'qcow2',
				mode: 'existing',
			});
		},
		async merge({ top, middle, base, baseName }) {
			await finish('block-commit', `merge-${middle}`, {
				device: top,
				'top-node': middle,
				'base-node': base,
				'backing-file': baseName,
			});
		},
		async detach(node) {
			await eventAfter(
				({ event, data }) => event === 'BLOCK_EXPORT_DELETED' && data.id === node,
				() => execute('block-export-del', { id: node, mode: 'hard' }),
				patience.export,
			);
			await execute('blockdev-del', { 'node-name': node });
			const mountpoint = mountpoints.get(node);
			if (mountpoint !== undefined) await rm(mountpoint, { force: true });
			mountpoints.delete(node);
			await held.hold(running().child.pid);
		},
		async close() {
			isClosed = true;
			await starting?.catch(() => undefined);
			kept?.current()?.qmp.close();
			await kept?.close();
			await held.close();
			await unmountStale(exports);
		},
	};
}
