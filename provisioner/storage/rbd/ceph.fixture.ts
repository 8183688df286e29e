import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { type Child, endChildren, startChild } from '../../../common/processes/children.ts';
import { until } from '../../../test/visitor.ts';
import type { CephSettings } from './ceph-configuration.ts';

/** What a daemon of it can be made to suffer. */
interface Daemon {
	/** As a machine does that loses its power. */
	kill(): Promise<void>;
	start(): Promise<void>;
	/** It lives, and answers nobody. */
	stall(): void;
	goOn(): void;
}

/** A real Ceph on loopback: a monitor, a manager, one OSD with a gigabyte at most in a file. Keys are its own. */
export interface TestCeph extends CephSettings {
	readonly keyring: string;
	readonly osd: Daemon;
	readonly monitor: Daemon;
	/** Runs one of Ceph's programs as its administrator. */
	administer(program: 'ceph' | 'rbd', ...args: string[]): Promise<string>;
	/** Removes every image. */
	clear(): Promise<void>;
	close(): Promise<void>;
}

/** Seconds for its parts to come up, on a machine with much else to do. */
const patience = 120;

/** Of the user, as docs/provisioner.md has them. */
const capabilities = ['mon', 'profile rbd', 'osd', 'profile rbd pool=bimetal'] as const;

export async function startCeph(): Promise<TestCeph> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-ceph-'));
	const run = `ceph-${randomUUID().slice(0, 8)}`;
	try {
		return await start(folder, run);
	} catch (fault) {
		await endChildren(run);
		await rm(folder, { recursive: true, force: true });
		throw fault;
	}
}

async function start(folder: string, run: string): Promise<TestCeph> {
	const at = (...names: string[]): string => path.join(folder, ...names);
	for (const name of ['mon', 'mgr', 'osd', 'run']) await mkdir(at(name));
	const fsid = randomUUID();
	const address = `v2:127.0.0.1:${await freePort()}`;
	// The keys of the daemons and of its administrator; those of clients are elsewhere.
	const keys = at('keys');
	await writeFile(at('ceph.conf'), configuration({ folder, fsid, address, keys }));
	const call = async (program: string, ...args: string[]): Promise<string> => {
		const env = { ...process.env, CEPH_CONF: at('ceph.conf') };
		const { stdout } = await promisify(execFile)(program, args, { env, cwd: folder, timeout: 60_000 });
		return stdout;
	};

	const grant = (name: string, ...caps: string[]): Promise<string> =>
		call(
			'ceph-authtool',
			...[keys, '--gen-key', '-n', name],
			...caps.flatMap(cap => ['--cap', ...cap.split(' = ')]),
		);
	await call('ceph-authtool', '--create-keyring', keys, '--gen-key', '-n', 'mon.', '--cap', 'mon', 'allow *');
	await grant('client.admin', 'mon = allow *', 'osd = allow *', 'mgr = allow *');
	await grant('osd.0', 'mon = allow profile osd', 'osd = allow *', 'mgr = allow profile osd');
	await grant('mgr.a', 'mon = allow profile mgr', 'osd = allow *');
	await call('monmaptool', '--create', '--addv', 'a', `[${address}]`, '--fsid', fsid, at('monmap'));
	await call('ceph-mon', '--mkfs', '-i', 'a', '--monmap', at('monmap'), '--keyring', keys);

	const daemon = (program: string, id: string): Daemon => {
		let child: Child | undefined;
		const signal = (by: NodeJS.Signals): void => void (child && process.kill(child.pid, by));
		return {
			async kill() {
				signal('SIGKILL');
				await child?.exited;
			},
			async start() {
				const environment = { CEPH_CONF: at('ceph.conf') };
				child = await startChild(program, ['-i', id, '-f'], { run, folder, environment });
			},
			stall: () => signal('SIGSTOP'),
			goOn: () => signal('SIGCONT'),
		};
	};
	const monitor = daemon('ceph-mon', 'a');
	const manager = daemon('ceph-mgr', 'a');
	const osd = daemon('ceph-osd', '0');
	await monitor.start();
	const number = randomUUID();
	await call('ceph', 'osd', 'new', number);
	await manager.start();
	await call('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', number);
	await osd.start();
	await until(
		() => call('ceph', 'osd', 'stat'),
		text => text.includes('1 up'),
		patience,
	);
	await call('ceph', 'osd', 'pool', 'create', 'bimetal', '8');
	await call('rbd', 'pool', 'init', 'bimetal');
	const keyring = at('bimetal.keyring');
	await call('ceph', 'auth', 'get-or-create', 'client.bimetal', ...capabilities, '-o', keyring);
	// The manager has counted what is there.
	await until(
		() => call('ceph', 'df', '--format', 'json'),
		text => /"name":"bimetal".*"max_avail":[1-9]/.test(text),
		patience,
	);
	return {
		...{ configuration: at('ceph.conf'), pool: 'bimetal', user: 'bimetal', keyring, osd, monitor },
		administer: call,
		async clear() {
			const names = JSON.parse(await call('rbd', 'ls', 'bimetal', '--format', 'json')) as string[];
			// Clones before what they are clones of.
			for (let left = names; left.length > 0; ) {
				const stuck: string[] = [];
				for (const name of left) {
					const spec = `bimetal/${name}`;
					const status = await call('rbd', 'status', spec, '--format', 'json');
					for (const { address } of (JSON.parse(status) as { watchers: { address: string }[] }).watchers) {
						await call('ceph', 'osd', 'blocklist', 'add', address);
					}
					await call('rbd', 'snap', 'purge', '--no-progress', spec);
					await call('rbd', 'rm', '--no-progress', spec).catch(() => stuck.push(name));
				}
				if (stuck.length === left.length) throw new Error(`cannot be removed: ${stuck.join(', ')}`);
				left = stuck;
			}
		},
		async close() {
			for (const each of [osd, manager, monitor]) await each.kill();
			await endChildren(run);
			await rm(folder, { recursive: true, force: true });
		},
	};
}

/** As small as it goes: one copy of everything, little memory, and nothing of it outside its folder. */
function configuration(of: { folder: string; fsid: string; address: string; keys: string }): string {
	return `[global]
fsid = ${of.fsid}
mon_host = [${of.address}/0]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
auth_allow_insecure_global_id_reclaim = false
keyring = ${of.keys}
run_dir = ${of.folder}/run
admin_socket =
pid_file =
log_file = ${of.folder}/$name.log
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
[mon]
mon_data = ${of.folder}/mon
mon_allow_pool_size_one = true
paxos_propose_interval = 0.05
mon_data_avail_crit = 1
mon_data_avail_warn = 2
mon_cluster_log_file =
[mgr]
mgr_data = ${of.folder}/mgr
mgr_initial_modules =
[osd]
osd_data = ${of.folder}/osd
osd_objectstore = bluestore
bluestore_block_size = ${2 ** 30}
bluestore_cache_autotune = false
bluestore_cache_size = ${2 ** 25}
osd_class_update_on_start = false
`;
}

async function freePort(): Promise<number> {
	const server = createServer();
	await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
	const { port } = server.address() as { port: number };
	await new Promise(resolve => server.close(resolve));
	return port;
}
