import { randomBytes, scryptSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { z } from 'zod';
import { FakeClock } from '../../common/clock.ts';
import { createAuthority, type Identity, issueServerCertificate } from '../../common/identity/site-ca.ts';
import { createLogger } from '../../common/log/logger.ts';
import { createRegistry } from '../../common/metrics/registry.ts';
import { openStore } from '../../common/store/open-store.ts';
import type { Store } from '../../common/store/store.ts';
import { createProxy } from '../../proxy/app.ts';
import type { RequestDocument } from '../../proxy/approve/request-document.ts';
import type { AuditLog } from '../../proxy/audit/audit-log.ts';
import type { AuditRecord } from '../../proxy/audit/audit-record.ts';
import { openLogFile } from '../../proxy/audit/log-files.ts';
import { openSignedLog } from '../../proxy/audit/signed-log.ts';
import { createRoster } from '../../proxy/authenticate/roster.ts';
import type { ConsoleDocument } from '../../proxy/console/console-document.ts';
import { consoleSettings } from '../../proxy/console/settings.ts';
import type { DoorsOptions } from '../../proxy/enrol/doors-service.ts';
import type { Agreement } from '../../proxy/governance/agreement.ts';
import { openWindows, type Windows } from '../../proxy/governance/windows.ts';
import { loadPolicies } from '../../proxy/policy/load-policies.ts';
import type { PolicySet } from '../../proxy/policy/policy-set.ts';
import type { P2cProxy, ProxyDeps } from '../../proxy/proxy-deps.ts';
import { openSpool, type SpoolOptions } from '../../proxy/upload/spool.ts';
import { type Bmc, type BmcOptions, startBmc } from '../../qemu/bmc/bmc.ts';
import { type Ask, type AskOptions, createAsk, type Identified, type Reply } from './ask.ts';
import { type Spy, startSpy } from './spy.ts';

const shippedPolicies = path.join(import.meta.dirname, '../../policies');
export const parties = ['HSO', 'CP'] as const;
export const bmcPassword = 'the-BMCs-own-password';

/** Operators of the tests: two of each party, and one who is disabled. Each one's password is `pw-<name>`. */
export const operatorNames = ['hso-operator', 'hso-two', 'cp-operator', 'cp-two'] as const;

/** A hash as hashPassword makes, at a cost at which hundreds of log-ins take no time. */
function cheapHash(password: string): string {
	const salt = randomBytes(16);
	const key = scryptSync(password, salt, 32, { N: 2, r: 1, p: 1 });
	return ['scrypt', 2, 1, 1, salt.toString('base64url'), key.toString('base64url')].join('$');
}

const entryOf = (name: string, party: string, more = {}) => ({
	name,
	party,
	password: cheapHash(`pw-${name}`),
	...more,
});
export const entries = [
	...operatorNames.map(name => entryOf(name, name.startsWith('hso') ? 'HSO' : 'CP')),
	entryOf('hso-gone', 'HSO', { disabled: true }),
];

export interface TestProxy {
	readonly proxy: P2cProxy;
	/** Main port. */
	readonly url: string;
	readonly ops: string;
	/** A BMC's own port. */
	readonly bmcUrls: Readonly<Record<string, string>>;
	readonly bmcs: Readonly<Record<'node1' | 'node2' | 'node3', Bmc>>;
	/** What arrived at each BMC, byte for byte. */
	readonly spies: Readonly<Record<'node1' | 'node2' | 'node3', Spy>>;
	readonly clock: FakeClock;
	/** What `External.Servers` and `External.PDU` say: servers up, watts in all (of one outlet, unless there are others). */
	readonly world: {
		up: number;
		watts: number;
		unavailable: boolean;
		whileReading: () => Promise<void>;
		outlets: { Id: string; Power: number }[] | undefined;
	};
	readonly records: AuditRecord[];
	/** A record's number in the log; undefined when it was refused. */
	numberOf(record: AuditRecord): number | undefined;
	readonly seen: RequestDocument[];
	/** Console sessions that have opened or ended, as they were told of. */
	readonly consoles: ConsoleDocument[];
	/** Lines that the proxy logged. */
	readonly log: string[];
	readonly store: Store;
	readonly folder: string;
	readonly policies: PolicySet;
	/** Where there is an agreement. */
	readonly windows: Windows | undefined;
	readonly roots: Readonly<Record<(typeof parties)[number], Identity>>;
	readonly ca: string;
	readonly changed: string[];
	/** Speaks to the main port unless the target names another origin. */
	readonly ask: Ask;
	/** Somebody's way to a BMC's own port: `at('cp-operator')('GET', '/redfish/v1/Systems')`; node1 when not given. */
	at(who: Identified, bmc?: string): AskBmc;
	breakAudit(): void;
	close(): Promise<void>;
}

export type AskBmc = (method: string, target: string, options?: AskOptions) => Promise<Reply>;

export interface TestProxyOptions {
	readonly maxPerOperator?: number;
	/** Milliseconds that the proxy waits for a BMC, in real time. */
	readonly bmcTimeout?: number;
	readonly policies?: PolicySet;
	readonly reserved?: ProxyDeps['reserved'];
	readonly doors?: DoorsOptions;
	/** As in the site file. */
	readonly consoles?: z.input<typeof consoleSettings>;
	readonly usage?: Partial<ProxyDeps['usage']>;
	/** What the emulated BMCs are like, all three of them. */
	readonly bmc?: Partial<BmcOptions>;
	/** Break-glass under this agreement; none when absent. */
	readonly agreement?: Agreement;
	/** Worker processes; BIMETAL_TEST_WORKERS, or none, when absent. */
	readonly workers?: number;
	readonly coalesce?: boolean;
	/** Limits of event streams. */
	readonly streams?: NonNullable<ProxyDeps['events']>['limits'];
	/** Of the folder in which uploaded images are kept. */
	readonly spool?: Partial<SpoolOptions>;
	/** Where each party may have events pushed to. */
	readonly destinations?: NonNullable<ProxyDeps['events']>['destinations'];
	/** Origins of BMCs of the test's own, in place of the emulated ones. */
	readonly target?: Readonly<Record<string, string>>;
	/** Where its clock stands at first, in milliseconds since the epoch; now, when absent. */
	readonly now?: number;
}

let certified: ReturnType<typeof makeCertificates> | undefined;
/** The authorities and the proxy's certificate, made once: their keys cost more than all the rest of a site. */
function certify(): ReturnType<typeof makeCertificates> {
	certified ??= makeCertificates();
	return certified;
}

async function makeCertificates() {
	const clock = new FakeClock(Date.now());
	const [authority, HSO, CP] = await Promise.all(
		['site', 'HSO', 'CP'].map(name => createAuthority({ name, clock })),
	);
	if (!authority || !HSO || !CP) throw new Error('no authorities');
	const names = ['localhost', 'node1.test'];
	const server = await issueServerCertificate({ authority, names, addresses: ['127.0.0.1'], clock });
	return { authority, HSO, CP, server };
}

let shipped: Promise<PolicySet> | undefined;
/** The policies as they are shipped, compiled once. */
export function loadShipped(): Promise<PolicySet> {
	shipped ??= loadPolicies({
		folder: shippedPolicies,
		parties: [...parties],
		externalSources: ['Servers', 'PDU'],
	});
	return shipped;
}

/** Three emulated BMCs in two racks behind the whole proxy, in this process, on free ports. */
export async function startTestProxy(options: TestProxyOptions = {}): Promise<TestProxy> {
	const opened: (() => unknown)[] = [];
	const close = async () => {
		for (const end of opened.splice(0).reverse()) await end();
	};
	try {
		return await open(options, opened, close);
	} catch (fault) {
		await close();
		throw fault;
	}
}

async function open(
	options: TestProxyOptions,
	opened: (() => unknown)[],
	close: () => Promise<void>,
): Promise<TestProxy> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-proxy-'));
	opened.push(() => rm(folder, { recursive: true }));
	const clock = new FakeClock(options.now ?? Date.now()); // certificates are checked by the system's time as well
	const { authority, HSO, CP, server } = await certify();

	const bmcs: Record<string, Bmc> = {};
	const spies: Record<string, Spy> = {};
	for (const name of ['node1', 'node2', 'node3']) {
		const bmc = await startBmc({
			name,
			accounts: [{ name: 'root', password: bmcPassword, role: 'Administrator' }],
			clock,
			failedLoginDelayMs: 0,
			...options.bmc,
		});
		opened.push(() => bmc.close());
		const spy = await startSpy(bmc.url);
		opened.push(() => spy.close());
		bmcs[name] = bmc;
		spies[name] = spy;
	}

	const records: AuditRecord[] = [];
	const numbers = new WeakMap<AuditRecord, number>();
	let isBroken = false;
	const { log, published } = await openSignedLog({
		folder: path.join(folder, 'audit'),
		keyFile: path.join(folder, 'audit.key'),
		origin: 'bimetal/test',
		onFault: () => undefined,
		clock,
		openFile: async file => {
			const real = await openLogFile(file);
			const write = async (bytes: Uint8Array) => {
				if (isBroken) throw new Error('no space left on the device');
				await real.write(bytes);
			};
			return { ...real, write };
		},
	});
	opened.push(() => log.close());
	const audit: AuditLog = {
		...log,
		append(record, how) {
			records.push(record);
			const appended = log.append(record, how);
			if (appended.seq !== undefined) numbers.set(record, appended.seq);
			return appended;
		},
	};
	const store = await openStore({ engine: 'lowdb', file: path.join(folder, 'store.json') });
	opened.push(() => store.close());

	const spool = await openSpool({
		folder: path.join(folder, 'uploads'),
		total: options.spool?.total ?? 512 * 1024 * 1024,
		free: 0,
		...options.spool,
	});

	const world: TestProxy['world'] = {
		up: 8,
		watts: 880,
		unavailable: false,
		whileReading: async () => {},
		outlets: undefined,
	};
	const external = (name: string) => {
		if (world.unavailable) return { status: 'unavailable' as const, reason: 'no reading' };
		const servers = Array.from({ length: 8 }, (_, i) => ({
			Name: `node${i + 1}`,
			State: i < world.up ? 'Up' : 'Down',
		}));
		const outlets = world.outlets ?? [{ Id: '1', Power: world.watts }];
		const value = name === 'Servers' ? servers : { Outlets: outlets };
		return { status: 'fresh' as const, value, asOf: clock.now() };
	};
	const lines: string[] = [];
	const logger = createLogger({ service: 'proxy', destination: { write: line => void lines.push(line) } });
	const { agreement } = options;
	const windows =
		agreement &&
		(await openWindows({
			site: 'test',
			agreement: () => agreement,
			needsKey: () => false,
			store,
			audit,
			clock,
			logger,
			notify: () => undefined,
		}));
	opened.push(() => windows?.close());
	const seen: RequestDocument[] = [];
	const consoles: ConsoleDocument[] = [];
	const changed: string[] = [];
	const policies = options.policies ?? (await loadShipped());
	const workers = options.workers ?? Number(process.env.BIMETAL_TEST_WORKERS ?? 0);
	const proxy = await createProxy({
		name: 'test',
		version: '0.0.0',
		parties: {
			HSO: { description: 'Hosting site operator', rootPem: HSO.certificatePem },
			CP: { description: 'Cloud provider', rootPem: CP.certificatePem },
		},
		tls: { certificate: server.certificatePem, key: server.keyPem },
		bmcs: ['node1', 'node2', 'node3'].map((name, i) => ({
			name,
			rack: i < 2 ? 'rack1' : 'rack2',
			url: options.target?.[name] ?? spies[name]?.url ?? '',
			ca: undefined,
			fingerprint: undefined,
			identity: undefined,
			username: 'root',
			password: bmcPassword,
			listen: { host: '127.0.0.1', port: 0 },
			host: name === 'node1' ? 'node1.test' : undefined,
		})),
		policies,
		roster: createRoster(entries, parties),
		store,
		spool,
		uploads: { image: 64 * 1024 * 1024, time: 600_000, silence: 30_000 },
		audit,
		published,
		async readExternal(wanted) {
			await world.whileReading();
			return Object.fromEntries(wanted.map(name => [name, external(name)]));
		},
		onChanged: bmc => changed.push(bmc),
		onRequest: request => seen.push(request),
		onConsole: console => consoles.push(console),
		consoles: {
			settings: consoleSettings.parse(options.consoles ?? {}),
			folder: path.join(folder, 'consoles'),
			secondLookAfter: 10_000,
		},
		approvals: {
			expireAfter: 15 * 60_000,
			executeWithin: 5 * 60_000,
			maxPerOperator: options.maxPerOperator ?? 100,
		},
		sessions: { idleTimeout: 30 * 60_000, lifetime: 24 * 3_600_000 },
		usage: {
			connections: 2000,
			perAddress: 2000,
			bmcQueue: 1000,
			unread: 64 * 1024 * 1024,
			perOperator: undefined,
			perParty: undefined,
			...options.usage,
		},
		limits: { timeout: options.bmcTimeout ?? 10_000, answer: 4 * 1024 * 1024, connections: 8 },
		clock,
		logger,
		governance: windows && { windows, routes: [] },
		registry: createRegistry({ service: 'proxy' }),
		doors: options.doors,
		workers: workers > 0 ? { size: workers, logLevel: 'info' } : undefined,
		coalesce: options.coalesce ?? true,
		events: { limits: options.streams, destinations: options.destinations },
		reserved: options.reserved,
		checks: {},
	});
	opened.push(() => proxy.close());
	const address = { host: '127.0.0.1', port: 0 };
	const { url, ops, bmcs: bmcUrls } = await proxy.listen(address, address);
	const asker = createAsk(url, authority.certificatePem);
	opened.push(() => asker.close());
	return {
		proxy,
		url,
		ops,
		bmcUrls,
		bmcs: bmcs as TestProxy['bmcs'],
		spies: spies as TestProxy['spies'],
		clock,
		world,
		records,
		numberOf: record => numbers.get(record),
		seen,
		consoles,
		log: lines,
		store,
		folder,
		policies,
		windows,
		roots: { HSO, CP },
		ca: authority.certificatePem,
		changed,
		ask: asker.ask,
		at:
			(who, bmc = 'node1') =>
			(method, target, more) =>
				asker.ask(who, method, `${bmcUrls[bmc]}${target}`, more),
		breakAudit() {
			isBroken = true;
		},
		close,
	};
}
