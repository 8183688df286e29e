import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import path from 'node:path';
import type { Clock } from '../../common/clock.ts';
import { closeAll } from '../../common/close-all.ts';
import { openAuthority, openServerCertificate } from '../../common/identity/authority-store.ts';
import type { Logger } from '../../common/log/logger.ts';
import { listenInNetwork } from '../../common/network/listen-in-network.ts';
import type { Store } from '../../common/store/store.ts';
import { startTgtTargets } from '../target/tgt-targets.ts';
import { createTurns } from '../turns.ts';
import { addressOf } from './addresses.ts';
import type { BootEntry, BootEvent, BootNetwork } from './boot-network.ts';
import { bootScript } from './boot-script.ts';
import { bootServer, doneName, scriptName } from './boot-server.ts';
import { type Dnsmasq, startDnsmasq } from './dnsmasq.ts';
import type { DhcpHost } from './dnsmasq-files.ts';
import { type NetworkSettings, planNetwork } from './network-plan.ts';
import { seedNames, seedOf } from './seed.ts';
import { openSegment } from './segment.ts';
import { createTickets } from './tickets.ts';

export interface BootNetworkOptions {
	readonly settings: NetworkSettings;
	readonly store: Store;
	/** Names its processes. */
	readonly run: string;
	/** Its own; made when it is not there. */
	readonly folder: string;
	/** Whether a node is still whose it was when it was told to boot here: asked whenever it reads something. Never rejects. */
	readonly mayBoot?: (node: string) => Promise<'yes' | 'no' | 'unknown'>;
	readonly clock: Clock;
	readonly logger: Logger;
}

/** One with the numbers of its processes, for who looks after them. */
export interface OpenBootNetwork extends BootNetwork {
	readonly dnsmasq: Pick<Dnsmasq, 'pid'>;
}

/** What is known of a NIC that boots. */
interface Known {
	readonly entry: BootEntry;
	readonly address: string;
	readonly script: string;
	readonly seed: string;
	/** That of the boot before: who shows it is told that it was used. */
	readonly spent?: string | undefined;
}

/** Milliseconds after its script was read in which a node can read its configuration. */
const seedLifetime = 15 * 60_000;
/** Milliseconds for one document to be asked for and to arrive. */
const lifetime = 30_000;

/**
 * Opens a provisioning network: a namespace on the nodes' VLAN with dnsmasq, tgtd and the servers of scripts (HTTP: iPXE
 * knows no authority of ours) and of configuration (HTTPS). Throws NetworkFault, StorageFault, PartMissing.
 */
export async function openBootNetwork(options: BootNetworkOptions): Promise<OpenBootNetwork> {
	const { store, run, folder, clock, logger, mayBoot = async () => 'yes' } = options;
	const plan = planNetwork(options.settings);
	const addresses = { store, network: plan.name, range: plan.range, own: plan.addresses };
	const opened: (() => unknown)[] = [];
	const close = (): Promise<void> => closeAll(opened);
	const known = new Map<string, Known>();
	const listeners = new Set<(event: BootEvent) => void>();
	const tickets = createTickets({ clock });
	const inTurn = createTurns();
	const last = new Map<string, Partial<Record<BootEvent['kind'], number>>>();
	const tell = (mac: string, kind: BootEvent['kind']): void => {
		last.set(mac, { ...last.get(mac), [kind]: clock.now() });
		for (const listener of listeners) listener({ mac, kind, at: clock.now() });
	};

	const hostOf = ({ entry: { mac, paths }, address, script, seed }: Known): DhcpHost => ({
		mac,
		address,
		scriptUrl: `http://${plan.host}/${script}/${scriptName}`,
		seedUrl: `https://${plan.host}/${seed}/`,
		paths,
	});
	/** Whether dnsmasq has been told of all that is known. */
	let isTold = true;
	async function answerAll(): Promise<void> {
		isTold = false;
		await dnsmasq.answer([...known.values()].map(hostOf));
		isTold = true;
	}
	const ofSeed = [...seedNames, doneName];
	const ticketsFor = (entry: BootEntry, address: string): Known => {
		const { mac } = entry;
		return {
			entry,
			address,
			script: tickets.issue({ mac, address, documents: [scriptName] }),
			seed: tickets.issue({ mac, address, documents: ofSeed, lifetime: seedLifetime }),
		};
	};
	const withdraw = ({ script, seed, spent }: Known): void => {
		for (const ticket of [script, seed, spent]) if (ticket !== undefined) tickets.withdraw(ticket);
	};

	const deps = {
		tickets,
		async mayRead(mac: string) {
			const node = known.get(mac)?.entry.node;
			return node === undefined ? 'no' : await mayBoot(node);
		},
		document(mac: string, name: string) {
			const entry = known.get(mac)?.entry;
			if (!entry) return undefined;
			return name === scriptName ? bootScript(entry) : new Map(Object.entries(seedOf(entry))).get(name);
		},
		read(mac: string, name: string) {
			tell(mac, name === scriptName ? 'script' : 'config');
			if (name === scriptName) void renew(mac);
		},
		done(mac: string) {
			const is = known.get(mac);
			if (is) tickets.withdraw(is.seed);
		},
		refused: (of: { from: string; mac?: string | undefined; reason: string; document: string }) =>
			logger.warn({ ...of, network: plan.name }, 'what a node boots by was asked for, and not given'),
	};

	/** It boots: its next boot has other tickets, and what it reads now is open for a while. */
	const renew = (mac: string): Promise<void> =>
		inTurn('entries', async () => {
			const is = known.get(mac);
			if (!is) return;
			tickets.withdraw(is.seed);
			if (is.spent !== undefined) tickets.withdraw(is.spent);
			known.set(mac, { ...ticketsFor(is.entry, is.address), spent: is.script });
			await answerAll();
		}).catch(fault => logger.error({ err: fault, mac }, 'the next boot of a node has no script'));

	let dnsmasq: Dnsmasq;
	try {
		const segment = await openSegment(plan, { run, folder: '/', clock });
		opened.push(() => segment.close());
		const { network } = segment;
		const targets = await startTgtTargets({
			...{ run, network, clock, logger },
			folder: path.join(folder, 'tgt'),
			portals: plan.portals,
		});
		opened.push(() => targets.close());
		dnsmasq = await startDnsmasq({
			...{ plan, network, run, clock, logger },
			folder: path.join(folder, 'dnsmasq'),
			onAddress: mac => {
				if (known.has(mac)) tell(mac, 'dhcp');
			},
		});
		opened.push(() => dnsmasq.close());
		const authority = await openAuthority({
			...{ folder, clock },
			name: 'authority',
			title: `Bimetal provisioning network ${plan.name}`,
		});
		const certificate = await openServerCertificate({
			...{ folder, clock, authority },
			name: 'server',
			names: [],
			addresses: [plan.host],
		});
		const scripts = createServer(bootServer(deps, [scriptName]));
		const seeds = createTlsServer(
			{
				cert: certificate.certificatePem,
				key: certificate.keyPem,
				minVersion: 'TLSv1.2',
				handshakeTimeout: 10_000,
			},
			bootServer(deps, ofSeed),
		);
		for (const [server, port] of [
			[scripts, 80],
			[seeds, 443],
		] as const) {
			const listening = await listenInNetwork(server, { network, host: plan.host, port, lifetime });
			opened.push(() => listening.close());
		}
		return {
			network: plan.name,
			targets,
			authority: authority.certificatePem,
			dnsmasq,
			addressOf: mac => addressOf(addresses, mac),
			set: entry =>
				inTurn('entries', async () => {
					// What iPXE could not take is refused now, and not when the node asks.
					bootScript(entry);
					const is = known.get(entry.mac);
					if (is && isTold && JSON.stringify(is.entry) === JSON.stringify(entry)) return;
					const address = await addressOf(addresses, entry.mac);
					if (is) withdraw(is);
					known.set(entry.mac, ticketsFor(entry, address));
					await answerAll();
				}),
			remove: mac =>
				inTurn('entries', async () => {
					const is = known.get(mac);
					if (!is && isTold) return;
					if (is) withdraw(is);
					known.delete(mac);
					last.delete(mac);
					await answerAll();
				}),
			onEvent(listener) {
				listeners.add(listener);
				return () => void listeners.delete(listener);
			},
			lastSeen: (mac, kind) => last.get(mac)?.[kind],
			check: () => dnsmasq.check(),
			close,
		};
	} catch (fault) {
		await close();
		throw fault;
	}
}
