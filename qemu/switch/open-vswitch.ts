import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { createNetworkNamespace, type NetworkNamespace } from '../../common/network/network-namespace.ts';
import { forgetFrames } from '../../common/ovsdb/forget-frames.ts';
import { speakJsonRpc } from '../../common/ovsdb/json-rpc.ts';
import { type Ovsdb, speakOvsdb } from '../../common/ovsdb/ovsdb-client.ts';
import { openRemote } from '../../common/ovsdb/remote.ts';
import { type Child, type Exit, startChild } from '../../common/processes/children.ts';

/** Open vSwitch's two daemons, and the network that its devices are in. */
export interface OpenVswitch {
	readonly ovsdb: Ovsdb;
	/** Path of the database's socket. */
	readonly database: string;
	/** From when on the configuration in force decides on every frame. */
	forgetFrames(): Promise<void>;
	readonly namespace: NetworkNamespace;
	/** Resolves when one of its processes has ended, with what it said last: nothing passes from then on. */
	readonly failed: Promise<string>;
	close(): Promise<void>;
}

const schema = '/usr/share/openvswitch/vswitch.ovsschema';
/**
 * As where the system itself runs it (ovs-ctl(8)): other machines may manage the switch, over TLS, when its database says
 * so (`ovs-vsctl set-manager`, `set-ssl`). It does not at first.
 */
const managersOfDatabase = [
	'--remote=db:Open_vSwitch,Open_vSwitch,manager_options',
	'--private-key=db:Open_vSwitch,SSL,private_key',
	'--certificate=db:Open_vSwitch,SSL,certificate',
	'--ca-cert=db:Open_vSwitch,SSL,ca_cert',
];
/** Milliseconds for a daemon to open its socket. */
const patience = 15_000;

/**
 * Starts ovsdb-server and ovs-vswitchd with an empty database in `folder`, or with the one that is there. Files, sockets and process ids stay in it
 * (ovs-vswitchd(8), OVS_RUNDIR and the like), so an instance of the system, or another of ours, is not touched; their
 * devices cannot meet either, since the switch and its taps have a network namespace of their own. There the machine
 * itself has no address, so nothing that comes out of a port reaches it.
 *
 * Throws PartMissing; SwitchFailed with the daemon's own words.
 */
export async function startOpenVswitch(options: {
	readonly run: string;
	readonly folder: string;
	/** Goes on with what an earlier one was told. */
	readonly keepsDatabase?: boolean;
}): Promise<OpenVswitch> {
	const { run, folder, keepsDatabase = false } = options;
	const environment = {
		OVS_RUNDIR: folder,
		OVS_LOGDIR: folder,
		OVS_DBDIR: folder,
		OVS_SYSCONFDIR: folder,
	};
	const quiet = ['-vconsole:warn', '-vsyslog:off', '-vfile:off'];
	const children: Child[] = [];
	const undo: (() => unknown)[] = [];
	const start = async (program: string, args: readonly string[], network?: string): Promise<Child> => {
		const child = await startChild(program, args, { run, folder, environment, network });
		children.push(child);
		return child;
	};
	const close = async (): Promise<void> => {
		for (const end of undo.splice(0).reverse()) await end();
		// The switch before its database.
		for (const child of children.splice(0).reverse()) await child.stop();
	};
	try {
		await mkdir(folder, { recursive: true, mode: 0o700 });
		for (const name of ['.conf.db.~lock~', 'db.sock', ...(keepsDatabase ? [] : ['conf.db'])])
			await rm(path.join(folder, name), { force: true });
		if (!keepsDatabase) {
			const maker = await startChild('ovsdb-tool', ['create', 'conf.db', schema], {
				run,
				folder,
				environment,
			});
			if ((await maker.exited).code !== 0) throw failed('ovsdb-tool', await maker.exited, maker);
		}

		const server = await start('ovsdb-server', [
			...['conf.db', '--remote=punix:db.sock', '--unixctl=ovsdb.ctl', '--no-chdir', ...quiet],
			...managersOfDatabase,
		]);
		// By the process's folder, for the path of a UNIX socket has room for 107 bytes only.
		const ovsdb = await untilReady('ovsdb-server', server, () =>
			openSocket(`/proc/${server.pid}/cwd/db.sock`).then(socket => speakOvsdb(socket)),
		);
		undo.push(() => ovsdb.close());
		if (!keepsDatabase) await ovsdb.transact([{ op: 'insert', table: 'Open_vSwitch', row: {} }]);

		const namespace = await createNetworkNamespace(options);
		undo.push(() => namespace.close());
		const daemon = await start(
			'ovs-vswitchd',
			['unix:db.sock', '--unixctl=vswitchd.ctl', '--no-chdir', ...quiet],
			namespace.path,
		);
		const control = await untilReady('ovs-vswitchd', daemon, () =>
			openSocket(`/proc/${daemon.pid}/cwd/vswitchd.ctl`).then(socket => speakJsonRpc(socket)),
		);
		undo.push(() => control.close());
		const ended = ([name, child]: readonly [string, Child]) =>
			child.exited.then(exit => failed(name, exit, child).message);
		const whenFailed = Promise.race([ended(['ovsdb-server', server]), ended(['ovs-vswitchd', daemon])]);
		// Nobody carries out anything any more: whoever waits for it need not wait long.
		void whenFailed.then(() => ovsdb.close());
		return {
			ovsdb,
			database: path.join(folder, 'db.sock'),
			forgetFrames: () => forgetFrames(control),
			namespace,
			failed: whenFailed,
			close,
		};
	} catch (fault) {
		await close();
		throw fault;
	}
}

const openSocket = (file: string) => openRemote({ kind: 'unix', path: file });

async function untilReady<T>(name: string, child: Child, attempt: () => Promise<T>): Promise<T> {
	let exit: Exit | undefined;
	void child.exited.then(how => {
		exit = how;
	});
	for (const end = performance.now() + patience; ; ) {
		try {
			return await attempt();
		} catch (cause) {
			if (exit) throw failed(name, exit, child);
			if (performance.now() > end)
				throw new BimetalError('SwitchFailed', `${name} is not ready after ${patience / 1000} s`, { cause });
			await new Promise(resolve => setTimeout(resolve, 10));
		}
	}
}

function failed(name: string, { code, signal }: Exit, child: Child): BimetalError {
	const said = child.errorLines().join('; ') || 'it said nothing';
	return new BimetalError('SwitchFailed', `${name} has ended (${signal ?? `exit code ${code}`}): ${said}`);
}
