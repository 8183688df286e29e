import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { startChild } from '../../common/processes/children.ts';
import { connectQmp, type Qmp } from '../../common/processes/qmp.ts';
import { socketPath } from '../../common/processes/socket-path.ts';
import { freePort } from './free-port.ts';
import type { Ready, ReadyMaker } from './ready-maker.ts';

/** A shell that is there already: what each command takes is the command's. */
function startShell(folder: string, environment: Readonly<Record<string, string>>) {
	const shell = spawn('sh', [], {
		cwd: folder,
		env: { ...process.env, ...environment },
		stdio: ['pipe', 'pipe', 'inherit'],
	});
	const lines = createInterface(shell.stdout);
	return {
		async run(...commands: string[]): Promise<void> {
			const answer = once(lines, 'line');
			shell.stdin.write(`${commands.join(' && ')} && echo done || echo failed\n`);
			const [said] = await answer;
			if (said !== 'done') throw new Error(`${said}: ${commands.join('; ')}`);
		},
		async close() {
			const ended = once(shell, 'exit');
			shell.stdin.end();
			await ended;
		},
	};
}

/** The commands alone: one storage daemon and one tgtd for all disks, as ours has. */
export async function openBare(
	folder: string,
	run: string,
): Promise<{ readonly unsynced: ReadyMaker; readonly synced: ReadyMaker; close(): Promise<void> }> {
	const ends: (() => unknown)[] = [];
	const close = async () => {
		for (const end of ends.splice(0).reverse()) await end();
	};
	try {
		const portal = `127.0.0.1:${await freePort()}`;
		const daemon = await startChild(
			'qemu-storage-daemon',
			['--chardev', 'socket,path=qmp.sock,server=on,wait=off,id=qmp', '--monitor', 'chardev=qmp'],
			{ run, folder },
		);
		ends.push(() => daemon.stop());
		const qmp = await soon(() => connectQmp(socketPath(path.join(folder, 'qmp.sock'))));
		ends.push(() => qmp.close());
		const tgtd = await startChild('tgtd', ['-f', '-C', '0', '-t', '2', '--iscsi', `portal=${portal}`], {
			...{ run, folder },
			environment: { TGT_IPC_SOCKET: 'ctl' },
		});
		ends.push(() => {
			process.kill(tgtd.pid, 'SIGKILL');
			return tgtd.exited;
		});
		// Relative, for the path of a UNIX socket has room for 107 bytes only.
		const shell = startShell(folder, { TGT_IPC_SOCKET: 'ctl', PATH: `${process.env.PATH}:/usr/sbin` });
		ends.push(() => shell.close());
		await soon(() => shell.run('tgtadm -C 0 --lld iscsi --mode target --op show >/dev/null 2>&1'));
		let last = 0;
		const maker = (isSynced: boolean): ReadyMaker => ({
			makeReady: image => makeBare({ folder, qmp, shell, portal, number: ++last, image, isSynced }),
		});
		return { unsynced: maker(false), synced: maker(true), close };
	} catch (fault) {
		await close();
		throw fault;
	}
}

async function makeBare(of: {
	readonly folder: string;
	readonly qmp: Qmp;
	readonly shell: ReturnType<typeof startShell>;
	readonly portal: string;
	readonly number: number;
	/** It is in the folder, as IMAGE.qcow2. */
	readonly image: string;
	/** Whether the new disk is on the machine's before it is served. */
	readonly isSynced: boolean;
}): Promise<Ready> {
	const { folder, qmp, shell, portal, number, image, isSynced } = of;
	const name = `disk${number}`;
	const iqn = `iqn.2026-11.bench.bimetal:bare.${number}`;
	const initiator = 'iqn.2026-11.bench.bimetal:node.bare';
	const chap = { username: name, password: randomBytes(15).toString('hex') };
	const admin = 'tgtadm -C 0 --lld iscsi --mode';
	await shell.run(
		`qemu-img create -q -f qcow2 -b ${image}.qcow2 -F qcow2 ${name}.qcow2`,
		...(isSynced ? [`sync ${name}.qcow2`, 'sync .'] : []),
		`: > ${name}.raw`,
	);
	await qmp.execute('blockdev-add', {
		...{ driver: 'qcow2', 'node-name': name, discard: 'unmap' },
		file: { driver: 'file', filename: path.join(folder, `${name}.qcow2`) },
	});
	const mountpoint = path.join(folder, `${name}.raw`);
	await qmp.execute('block-export-add', {
		...{ type: 'fuse', id: name, 'node-name': name, mountpoint, writable: true, 'allow-other': 'off' },
	});
	await shell.run(
		`${admin} target --op new --tid ${number} --targetname ${iqn}`,
		`${admin} account --op new --user ${chap.username} --password ${chap.password}`,
		`${admin} account --op bind --tid ${number} --user ${chap.username}`,
		`${admin} logicalunit --op new --tid ${number} --lun 1 -b ${name}.raw`,
		`${admin} target --op bind --tid ${number} -I 127.0.0.1`,
	);
	return {
		file: mountpoint,
		door: { portal, iqn, initiator, chap },
		async end() {
			await shell.run(
				`${admin} target --op delete --force --tid ${number}`,
				`${admin} account --op delete --user ${chap.username}`,
			);
			const isGone = new Promise<void>(resolve => {
				const stop = qmp.onEvent(({ event, data }) => {
					if (event !== 'BLOCK_EXPORT_DELETED' || data.id !== name) return;
					stop();
					resolve();
				});
			});
			await qmp.execute('block-export-del', { id: name, mode: 'hard' });
			await isGone;
			await qmp.execute('blockdev-del', { 'node-name': name });
			for (const file of [`${name}.raw`, `${name}.qcow2`]) await rm(path.join(folder, file));
		},
	};
}

async function soon<R>(attempt: () => Promise<R>): Promise<R> {
	for (const until = performance.now() + 10_000; ; ) {
		try {
			return await attempt();
		} catch (fault) {
			if (performance.now() > until) throw fault;
			await new Promise(resolve => setTimeout(resolve, 20));
		}
	}
}
