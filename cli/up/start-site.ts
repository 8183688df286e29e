import { join } from 'node:path';
import { systemClock } from '../../common/clock.ts';
import { closeAll } from '../../common/close-all.ts';
import { startBroker } from '../../common/events/broker.ts';
import { connectEvents } from '../../common/events/bus.ts';
import type { Logger } from '../../common/log/logger.ts';
import { makeFolderDurably } from '../../common/store/durable-file.ts';
import { lockFile } from '../../common/store/file-lock.ts';
import { startProxy } from '../../proxy/main.ts';
import { readSite } from '../../proxy/site.ts';
import { usageError } from '../failure.ts';
import { type DemoAttest, startDemoAttest } from './demo-attest.ts';
import { type DemoHil, openHilAccount, startDemoHil } from './demo-hil.ts';
import { type DemoMarket, startDemoMarket } from './demo-market.ts';
import { openSignedPolicies } from './demo-policies.ts';
import { type DemoProvisioner, startDemoProvisioner } from './demo-provisioner.ts';
import { type DemoSite, openDemoSite, type UpLine, writeSiteFile } from './demo-site.ts';
import type { MachineRoom } from './machine-room.ts';
import { choosePorts, freeOr, reachable } from './ports.ts';

export interface SiteOptions {
	/** Folder of the state; created when missing. */
	readonly state: string;
	readonly host: string;
	readonly port: number;
	readonly opsPort: number;
	/** Start hil too, on this port or, where it is taken or 0, a free one. */
	readonly hilPort?: number | undefined;
	/** Start the provisioner too, where hil is: as `hilPort`. */
	readonly provisionerPort?: number | undefined;
	/** Start registrar and verifier too, where hil is: as `hilPort`. */
	readonly attestPort?: number | undefined;
	/** Start the market too, where hil is: as `hilPort`. */
	readonly marketPort?: number | undefined;
	/** Folder of the policies. */
	readonly policies: string;
	/** Take a copy of them that both parties sign, and from then on only what is signed. */
	readonly signed?: boolean;
	/** As `processes` of the site file. */
	readonly processes: number | 'auto';
	readonly logger: Logger;
	/** Told what is being done, for people. */
	readonly progress: (step: string) => void;
}

export interface RunningSite {
	readonly line: UpLine;
	readonly site: DemoSite;
	close(): Promise<void>;
}

/** Starts a site on embedded defaults in this process: broker, machines, proxy, hil, provisioner, attestation, market. All or nothing. */
export async function startSite(options: SiteOptions, room: MachineRoom): Promise<RunningSite> {
	const { logger, progress, host, port } = options;
	const clock = systemClock;
	const opened: (() => unknown)[] = [];
	const close = (): Promise<void> => closeAll(opened);
	try {
		await makeFolderDurably(options.state);
		const lock = await lockFile(join(options.state, 'up.lock'), clock);
		if (!lock.locked) {
			throw usageError(
				`another 'bimetal up' uses ${options.state}: ${lock.holder}`,
				'end that one, or give another folder with --state',
			);
		}
		opened.push(() => lock.release());
		const { names } = room;
		progress('keys and certificates');
		const site = await openDemoSite(options.state, names, clock);

		progress(room.what);
		const broker = await startBroker({
			host: '127.0.0.1',
			port: 0,
			users: [
				{ name: 'pdu', password: site.events.pdu, publish: ['bimetal/pdu/#'], subscribe: [] },
				{
					name: 'proxy',
					password: site.events.proxy,
					publish: ['bimetal/proxy/#'],
					subscribe: ['bimetal/pdu/#'],
				},
				...(['attest', 'market'] as const).map(name => ({
					name,
					password: site.events[name],
					publish: [`bimetal/${name}/#`],
					subscribe: [],
				})),
			],
			logger: logger.child({ part: 'broker' }),
		});
		opened.push(() => broker.close());
		const events = connectEvents({
			url: broker.url,
			username: 'pdu',
			password: site.events.pdu,
			logger: logger.child({ part: 'pdu' }),
			clock,
		});
		opened.push(() => events.close());
		await events.ready();
		const machines = await room.start({ site, events, clock, logger });
		opened.push(() => machines.close());

		progress('proxy');
		const account = options.hilPort === undefined ? undefined : await openHilAccount(options.state);
		const policies = options.signed
			? { folder: await signPolicies(site, options), signed: 'required' as const }
			: options.policies;
		const file = await writeSiteFile(site, policies, {
			main: { host, port },
			ops: { host: '127.0.0.1', port: options.opsPort },
			bmcPorts: await choosePorts(host, port, names),
			bmcUrls: Object.fromEntries(machines.bmcs.map(({ name, url }) => [name, url])),
			bmcAccess: room.access,
			limits: room.limits,
			events: broker.url,
			processes: options.processes,
		});
		await room.takeOver?.(file);
		const proxy = await startProxy(readSite(file), { logger: logger.child({ part: 'proxy' }) });
		opened.push(() => proxy.close());
		const listenOn = async (wished: number) => ({ host, port: await freeOr(host, port === 0 ? 0 : wished) });
		let hil: DemoHil | undefined;
		if (account && options.hilPort !== undefined) {
			progress('hil');
			hil = await startDemoHil({
				site,
				account,
				listen: await listenOn(options.hilPort),
				proxyUrl: reachable(proxy.url),
				servers: names,
				rackSwitch: machines.rackSwitch,
				clock,
				logger: logger.child({ part: 'hil' }),
			});
			opened.push(hil.close);
		}
		let provisioner: DemoProvisioner | undefined;
		if (hil && options.provisionerPort !== undefined) {
			progress('provisioner');
			provisioner = await startDemoProvisioner({
				...{ site, hil, clock, rackSwitch: machines.rackSwitch },
				listen: await listenOn(options.provisionerPort),
				logger: logger.child({ part: 'provisioner' }),
			});
			opened.push(provisioner.close);
		}
		let attest: DemoAttest | undefined;
		if (hil && options.attestPort !== undefined) {
			progress('registrar and verifier');
			attest = await startDemoAttest({
				...{ site, hil, machines, clock, events: broker.url },
				provisioner: provisioner?.boots ? provisioner : undefined,
				listen: await listenOn(options.attestPort),
				logger: logger.child({ part: 'attest' }),
			});
			opened.push(attest.close);
		}
		let market: DemoMarket | undefined;
		if (hil && options.marketPort !== undefined) {
			progress('market');
			market = await startDemoMarket({
				...{ site, hil, clock, events: broker.url },
				provisioner: provisioner?.boots ? provisioner.url : undefined,
				listen: await listenOn(options.marketPort),
				logger: logger.child({ part: 'market' }),
			});
			opened.push(market.close);
		}
		progress('first readings');
		const missing = await proxy.warmUp();
		if (missing.length > 0)
			logger.warn({ missing }, 'External sources without a value: policies that read them do not hold');
		return {
			site,
			close,
			line: {
				proxy: { url: proxy.url, ops: proxy.ops },
				services: {
					proxy: proxy.url,
					events: broker.url,
					...(hil && { hil: hil.url }),
					...(provisioner && { provisioner: provisioner.url }),
					...(attest && { attest: attest.url }),
					...(market && { market: market.url }),
				},
				bmcs: machines.bmcs.map(({ name, url }) => ({
					name,
					url: proxy.bmcs[name] ?? '',
					prefixUrl: `${proxy.url}/bmc/${name}`,
					direct: url,
				})),
				pdu: { url: machines.pdu.url },
				operators: site.operators.map(({ name, party, password }) => ({ name, party, password })),
				...(hil && { hil: { url: hil.url, ops: hil.ops, users: [...hil.users] } }),
				...(provisioner && {
					provisioner: {
						url: provisioner.url,
						ops: provisioner.ops,
						missing: [...provisioner.missing],
						missingForBoot: [...provisioner.missingForBoot],
						boots: provisioner.boots,
					},
				}),
				...(attest && {
					attest: {
						url: attest.url,
						ops: attest.ops,
						...(attest.forNodes !== undefined && { forNodes: attest.forNodes }),
					},
				}),
				...(market && { market: { url: market.url, ops: market.ops } }),
				ca: site.caFile,
				state: options.state,
			},
		};
	} catch (fault) {
		await close();
		throw fault;
	}
}

const signPolicies = (site: DemoSite, { state, policies }: SiteOptions): Promise<string> =>
	openSignedPolicies(state, policies, [...new Set(site.operators.map(({ party }) => party))]);
