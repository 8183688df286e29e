import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import { type Child, startChild } from '../../common/processes/children.ts';
import { keepDaemon } from '../../common/processes/kept-daemon.ts';
import { provisionerErrors } from '../errors.ts';
import { createTurns } from '../turns.ts';
import {
	acknowledged,
	type DhcpHost,
	dnsmasqConfiguration,
	hostLines,
	optionLines,
} from './dnsmasq-files.ts';
import type { NetworkPlan } from './network-plan.ts';

export interface DnsmasqOptions {
	readonly plan: NetworkPlan;
	/** The namespace that it runs in. */
	readonly network: string;
	readonly run: string;
	/** For its configuration; made when it is not there. */
	readonly folder: string;
	readonly clock: Clock;
	readonly logger: Logger;
	/** A NIC was given its address. */
	readonly onAddress: (mac: string) => void;
}

export interface Dnsmasq {
	/** Answers these from now on, and nobody else; resolves when dnsmasq has read it. */
	answer(hosts: readonly DhcpHost[]): Promise<void>;
	/** Its process's number; undefined between two. */
	pid(): number | undefined;
	/** Throws while it does not answer: with the reason, for health checks. */
	check(): void;
	close(): Promise<void>;
}

/** Who dnsmasq runs as: Debian's dnsmasq-base makes the user. */
const user = 'dnsmasq';
/** For its ports, for addresses of nodes that have none yet, and for router advertisements. */
const capabilities = ['net_bind_service', 'net_admin', 'net_raw'];
/** Debian's package ipxe, for network cards that do not run iPXE themselves. */
const tftpRoot = '/usr/lib/ipxe';
/** Milliseconds for it to have read its files. */
const patience = 15_000;

/** A dnsmasq of our own, which is started again when it dies. Throws PartMissing; NetworkFault with its words. */
export async function startDnsmasq(options: DnsmasqOptions): Promise<Dnsmasq> {
	const { plan, network, run, folder, clock, logger } = options;
	const owner = await findUser();
	await mkdir(folder, { recursive: true, mode: 0o700 });
	// It runs as its own user, who cannot come by our folder.
	const name = createHash('sha256').update(path.resolve(folder)).digest('hex').slice(0, 16);
	const shared = path.join('/run', `bimetal-dnsmasq-${name}`);
	await rm(shared, { recursive: true, force: true });
	// Ours: it makes no names in it that we would write to as root.
	await mkdir(shared);
	await chmod(shared, 0o711);
	const paths = {
		hosts: path.join(shared, 'hosts'),
		options: path.join(shared, 'options'),
		leases: path.join(shared, 'leases'),
	};
	const configuration = path.join(shared, 'dnsmasq.conf');
	const hasLoaders = existsSync(path.join(tftpRoot, 'undionly.kpxe'));
	const configure = async (macs: readonly string[]): Promise<void> => {
		const root = hasLoaders ? tftpRoot : undefined;
		await write(configuration, dnsmasqConfiguration(plan, paths, { tftpRoot: root, macs }));
	};
	await configure([]);
	/** The NICs that it was last configured for. */
	let configured = '';

	const inTurn = createTurns();
	const readers = new Set<() => void>();

	async function write(file: string, content: string): Promise<void> {
		const fresh = `${file}.new`;
		await writeFile(fresh, content, { mode: 0o600 });
		await chmod(fresh, 0o600);
		await chown(fresh, owner.user, -1);
		await rename(fresh, file);
	}

	function hear(line: string): void {
		const mac = acknowledged(line);
		if (mac !== undefined) options.onAddress(mac);
		// It reads the options last.
		if (line.endsWith(`read ${paths.options}`)) for (const tell of [...readers]) tell();
	}

	/** Resolves when it says that it has read its files; rejects when it ends instead, or says nothing. */
	const hasRead = (of: Child | Promise<Child>): Promise<void> =>
		new Promise((resolve, reject) => {
			const over = (how: () => void): void => {
				cancel();
				readers.delete(tell);
				how();
			};
			const tell = (): void => over(resolve);
			const refuse = (what: string) => over(() => reject(provisionerErrors.NetworkFault(`dnsmasq: ${what}`)));
			readers.add(tell);
			const cancel = clock.after(patience, () => refuse('it does not read what it is to answer'));
			Promise.resolve(of).then(
				started =>
					started.exited.then(() => refuse(started.errorLines().slice(-3).join('; ') || 'it has ended')),
				fault => over(() => reject(fault)),
			);
		});

	async function start(): Promise<{ child: Child }> {
		let rest = '';
		const starting = startChild('dnsmasq', [`--conf-file=${configuration}`, ...foreground], {
			run,
			folder,
			network,
			as: { ...owner, capabilities },
			onErrorOutput: bytes => {
				const lines = (rest + bytes.toString('utf8')).split('\n');
				rest = (lines.pop() ?? '').slice(-1000);
				for (const line of lines) hear(line);
			},
		});
		try {
			await hasRead(starting);
		} catch (fault) {
			await (await starting).stop();
			throw fault;
		}
		return { child: await starting };
	}

	const end = (): Promise<void> => rm(shared, { recursive: true, force: true });
	await write(paths.hosts, '');
	await write(paths.options, '');
	await write(paths.leases, '');
	const daemon = await keepDaemon({ name: `dnsmasq of ${plan.name}`, start, clock, logger }).catch(
		async fault => {
			await end();
			throw fault;
		},
	);
	return {
		answer: hosts =>
			inTurn('dnsmasq', async () => {
				await write(paths.hosts, hostLines(hosts));
				await write(paths.options, optionLines(hosts));
				const macs = hosts.map(({ mac }) => mac).sort();
				if (macs.join() !== configured) {
					await configure(macs);
					configured = macs.join();
					// It is gone for some milliseconds: who asks then asks again. Leases are in a file, and fixed.
					await daemon.exchange();
					return;
				}
				const current = await daemon.settled();
				// The next one reads it when it starts.
				if (!current) return;
				const read = hasRead(current.child);
				try {
					process.kill(current.child.pid, 'SIGHUP');
				} catch {
					// It has just ended, which `read` meets as well.
				}
				await read;
			}),
		pid: () => daemon.current()?.child.pid,
		check: () => daemon.check(),
		async close() {
			await inTurn('dnsmasq', () => daemon.close());
			await end();
		},
	};
}

const foreground = ['--keep-in-foreground', '--log-facility=-', '--pid-file='];

async function findUser(): Promise<{ user: number; group: number }> {
	const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find(each => each.startsWith(`${user}:`));
	const [, , number, group] = line?.split(':') ?? [];
	if (number !== undefined) return { user: Number(number), group: Number(group) };
	throw provisionerErrors.NetworkFault(`There is no user ${user}: apt-get install dnsmasq-base.`);
}
