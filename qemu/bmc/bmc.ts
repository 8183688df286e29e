import type { Logger } from 'pino';
import { type Clock, systemClock } from '../../common/clock.ts';
import type { AccountSeed } from '../redfish/accounts.ts';
import type { AnyAnswer } from '../redfish/answer.ts';
import { type HttpServer, startHttpServer, type TlsIdentity } from '../redfish/http-server.ts';
import type { Route } from '../redfish/route-table.ts';
import { createService, type ExecutedRequest } from '../redfish/service.ts';
import { createSessions } from '../redfish/sessions.ts';
import { aggregate, type Satellite } from './aggregation.ts';
import { type Consoles, createConsoles } from './consoles/consoles.ts';
import type { Device } from './device.ts';
import { appendRecord, type NewRecord } from './event-log.ts';
import { createEventPush, wantsEvent } from './event-push.ts';
import { createEventStream } from './event-stream.ts';
import { createFaults, type Faults } from './faults.ts';
import type { Host, HostEvent, HostFactory, HostNic, Identity } from './host.ts';
import { completeIdentity } from './identity.ts';
import type { PowerState, ResetType } from './power.ts';
import { describePowerEvent } from './power-records.ts';
import { accountRoutes, allowsAuth } from './resources/accounts.ts';
import { aggregationRoutes } from './resources/aggregation-service.ts';
import { certificateRoutes } from './resources/certificates.ts';
import { chassisRoutes } from './resources/chassis.ts';
import { eventRoutes } from './resources/events.ts';
import { managerLogRoutes } from './resources/manager-logs.ts';
import { managerNetworkRoutes } from './resources/manager-network.ts';
import { managerRoutes } from './resources/managers.ts';
import { serviceRootRoutes } from './resources/service-root.ts';
import { sessionRoutes } from './resources/sessions.ts';
import { systemLogRoutes } from './resources/system-logs.ts';
import { systemNetworkRoutes } from './resources/system-network.ts';
import { systemPartRoutes } from './resources/system-parts.ts';
import { SYSTEM, systemRoutes } from './resources/systems.ts';
import { taskRoutes } from './resources/tasks.ts';
import { telemetryRoutes } from './resources/telemetry.ts';
import { receiveImage, updateRoutes } from './resources/update.ts';
import type { KvmInput } from './simulated/rfb-server.ts';
import { createSimulatedHost } from './simulated/simulated-host.ts';
import { type BmcState, factoryState, loadState, saveState } from './state.ts';
import { bootSettingsOf, forgetOneTimeBoot, watchdogSettingsOf } from './system-settings.ts';
import { createTasks } from './tasks.ts';

export type PowerStateName = PowerState['kind'];

export interface BmcOptions {
	readonly name: string;
	readonly host?: string;
	/** 0: any free port. */
	readonly port?: number;
	/** With it, HTTPS (TLS 1.3); without, plain HTTP. */
	readonly tls?: TlsIdentity | undefined;
	readonly accounts: readonly AccountSeed[];
	readonly identity?: Partial<Identity>;
	readonly clock?: Clock;
	/** Makes the server that it manages; a simulated one when absent. */
	readonly createHost?: HostFactory | undefined;
	/** Network interfaces of a simulated server that the BMC shows; none when absent, as with OpenBMC. */
	readonly nics?: readonly HostNic[] | undefined;
	/** How long a simulated server's self-test takes, in milliseconds. */
	readonly postTimeMs?: number;
	/** How long a simulated server's operating system takes to shut down, in milliseconds. */
	readonly shutdownTimeMs?: number;
	/** How long a firmware update or a dump takes, in milliseconds. */
	readonly taskTimeMs?: number;
	/** How large a dump is; 1 KiB. */
	readonly dumpBytes?: number;
	/** Other BMCs whose resources are shown beside the own ones, by the prefix of their members' names. */
	readonly satellites?: Readonly<Record<string, Satellite>> | undefined;
	/** DELETE of a task cancels it, as other BMCs than OpenBMC offer. */
	readonly cancellableTasks?: boolean;
	/** Bytes of the largest image, and of any body, that it takes; bmcweb's 30 MiB when absent. */
	readonly maxImageBytes?: number;
	/** How long a wrong password waits, in milliseconds. */
	readonly failedLoginDelayMs?: number;
	/** The power state at the very first start. */
	readonly power?: 'On' | 'Off';
	/** Which query parameters it knows: bmcweb's (with `only`, `$top`, `$skip`, `$select`, `$expand`), or none. */
	readonly query?: 'bmcweb' | 'none' | undefined;
	/** Collections of more members than this come in pages; whole when absent. */
	readonly pageSize?: number | undefined;
	/** A JSON file that keeps settings, accounts, log and power state from one start to the next. */
	readonly stateFile?: string | undefined;
	/** Where subscriptions are delivered to; this machine alone when absent. */
	readonly pushesTo?: (destination: URL) => boolean;
	readonly logger?: Pick<Logger, 'info' | 'error'> | undefined;
	/** Called at every change of the power state. */
	readonly onPowerChange?: (state: PowerStateName, bmc: string) => void;
}

export interface Bmc {
	readonly name: string;
	readonly url: string;
	readonly port: number;
	readonly executed: readonly ExecutedRequest[];
	/** Every route as `METHOD /pattern/{}`: what there is to classify. */
	readonly routes: readonly string[];
	/** Every path on which it takes WebSockets, as `WEBSOCKET /pattern/{}`. */
	readonly sockets: readonly string[];
	/** How often factory defaults were restored, and the manager restarted. */
	readonly counts: { readonly resetsToDefaults: number; readonly managerResets: number };
	powerState(): PowerStateName;
	/** Watts that its server draws. */
	drawnWatts(): number;
	/** What stands at the other end of its WebSockets. */
	readonly consoles: Pick<Consoles, 'open' | 'medium'> & { readonly kvmInput: KvmInput };
	/** How many listen to server-sent events. */
	listeners(): number;
	/** What the power button and a cut cord do: a reset that no request asked for. */
	press(type: ResetType): void;
	/** Makes the BMC misbehave until called again; `{}` mends it. */
	fault(faults: Faults): void;
	close(): Promise<void>;
}

const SAVE_DELAY_MS = 200;

/**
 * Starts an emulated BMC that answers as OpenBMC's bmcweb does.
 * @throws BimetalError BmcStateUnreadable; the error of listening (EADDRINUSE, …)
 */
export async function startBmc(options: BmcOptions): Promise<Bmc> {
	const clock = options.clock ?? systemClock;
	const host = options.host ?? '127.0.0.1';
	const identity = completeIdentity(options.name, options.identity);
	const state = loadState(
		options.stateFile,
		options.accounts,
		identity.serial,
		clock.now(),
		options.power ?? 'On',
	);
	const sessions = createSessions(clock);
	const eventPush = createEventPush(options.pushesTo ?? isOnThisMachine);
	/** Headers of subscriptions, by id. They may hold a credential: they are on no disk, and gone after a restart. */
	const pushHeaders = new Map<string, Readonly<Record<string, string>>>();
	const stream = createEventStream(event => {
		for (const one of state.subscriptions)
			if (wantsEvent(one, event)) eventPush.push(one, pushHeaders.get(String(one.Id)) ?? {}, event);
	});
	const faults = createFaults(clock);
	let generation = 1;
	let cancelSave: (() => void) | undefined;

	const save = () => {
		cancelSave?.();
		cancelSave = undefined;
		if (options.stateFile !== undefined) saveState(options.stateFile, state);
	};
	const onFault = (error: unknown) =>
		options.logger?.error({ err: error, bmc: options.name }, 'a fault in the emulated BMC');
	const touch = () => {
		generation++;
		if (options.stateFile === undefined || cancelSave) return;
		cancelSave = clock.after(SAVE_DELAY_MS, () => {
			try {
				save();
			} catch (error) {
				onFault(error);
			}
		});
	};
	const report = (record: NewRecord) => {
		const entry = appendRecord(state.log, state.nextLogId++, clock.now(), record);
		touch();
		stream.send([
			{
				EventId: String(entry.id),
				EventTimestamp: new Date(entry.created).toISOString(),
				Message: entry.message,
				MessageArgs: [...entry.args],
				MessageId: entry.messageId,
				MessageSeverity: entry.severity,
				OriginOfCondition: { '@odata.id': `${SYSTEM}/LogServices/EventLog/Entries/${entry.id}` },
				Severity: entry.severity,
				Oem: entry.oem,
			},
		]);
		return entry;
	};
	const onEvent = (event: HostEvent, now: PowerState, before: PowerState) => {
		state.power = now.kind === 'Off' || (now.kind === 'PoweringOff' && now.next === 'Off') ? 'Off' : 'On';
		touch();
		const record = describePowerEvent(event, now, before);
		if (record) report(record);
		if (now !== before) options.onPowerChange?.(now.kind, options.name);
	};
	let consoles: Consoles | undefined;
	const kvmInput: KvmInput = { keys: [], pointers: 0 };
	const createHost: HostFactory =
		options.createHost ??
		(context =>
			createSimulatedHost(context, {
				postTimeMs: options.postTimeMs ?? 5000,
				shutdownTimeMs: options.shutdownTimeMs ?? 2000,
				kvmInput,
				nics: options.nics,
			}));
	const server: Host = await createHost({
		name: options.name,
		identity,
		clock,
		initial: state.power,
		firmwareVersion: () => state.firmware.bios_active ?? '',
		boot: () => bootSettingsOf(state),
		watchdog: () => watchdogSettingsOf(state),
		onEvent,
		onBoot() {
			if (forgetOneTimeBoot(state)) touch();
		},
		onReading() {
			generation++;
		},
		report,
	});
	const tasks = createTasks({
		clock,
		durationMs: options.taskTimeMs ?? 3000,
		touch,
		fails: faults.failTasks,
	});
	const device: Device = {
		name: options.name,
		identity,
		clock,
		state,
		sessions,
		host: server,
		tasks,
		stream,
		pushHeaders,
		startedAt: clock.now(),
		seeds: options.accounts,
		httpsCertificate: options.tls?.cert,
		dumpBytes: options.dumpBytes ?? 1024,
		hasCancellableTasks: options.cancellableTasks ?? false,
		failedLoginDelayMs: options.failedLoginDelayMs ?? 2000,
		hasQuery: options.query !== 'none',
		maxImageBytes: options.maxImageBytes ?? 30 * 1024 * 1024,
		touch,
		report,
		restarted() {
			consoles?.endAll('quit');
			tasks.forget();
		},
		resetToDefaults() {
			const { resetsToDefaults, managerResets } = state;
			Object.assign(state, factoryState(options.accounts, identity.serial, clock.now(), state.power), {
				resetsToDefaults: resetsToDefaults + 1,
				managerResets: managerResets + 1,
			});
			for (const session of sessions.list()) sessions.remove(session.id);
			touch();
			device.restarted();
		},
	};
	const opened = createConsoles(device);
	consoles = opened;
	const findAccount = (name: string) => state.accounts.find(account => account.name === name);
	const satellites = options.satellites && { ...options.satellites };
	const routes = [...allRoutes(device, findAccount), ...(satellites ? aggregationRoutes(satellites) : [])];
	const service = createService({
		routes,
		clock,
		sessions,
		findAccount,
		generation: () => generation,
		touch,
		failedLoginDelayMs: device.failedLoginDelayMs,
		bodyLimit: device.maxImageBytes,
		receive: receiveImage,
		allows: method => allowsAuth(device, method),
		query: options.query,
		pageSize: options.pageSize,
		sockets: opened.routes,
	});
	const answer = satellites ? aggregate(service.handler.answer, satellites) : service.handler.answer;
	let http: HttpServer;
	try {
		http = await startHttpServer({
			host,
			port: options.port ?? 0,
			tls: options.tls,
			clock,
			onFault,
			accepts: () => !faults.isDown(),
			handler: {
				admit: service.handler.admit,
				answer: (head, body, caller): AnyAnswer | Promise<AnyAnswer> =>
					faults.apply(() => answer(head, body, caller)),
			},
		});
	} catch (error) {
		await server.close();
		throw error;
	}
	const { port } = http;
	return {
		name: options.name,
		url: `${options.tls ? 'https' : 'http'}://${host}:${port}`,
		port,
		executed: service.executed,
		routes: routes.map(route => `${route.method} ${route.pattern}`),
		sockets: opened.routes.map(({ pattern }) => `WEBSOCKET ${pattern}`),
		get counts() {
			return { resetsToDefaults: state.resetsToDefaults, managerResets: state.managerResets };
		},
		powerState: () => server.power.state().kind,
		drawnWatts: () => server.drawnWatts(),
		consoles: { open: opened.open, medium: opened.medium, kvmInput },
		listeners: () => stream.listeners(),
		press: type => server.power.reset(type),
		fault(wanted) {
			faults.set(wanted);
			if (wanted.down) http.dropConnections();
		},
		async close() {
			tasks.stop();
			eventPush.close();
			await http.close();
			await server.close();
			save();
		},
	};
}

function allRoutes(
	device: Device,
	findAccount: (name: string) => BmcState['accounts'][number] | undefined,
): Route[] {
	return [
		...serviceRootRoutes(device),
		...sessionRoutes({ ...device, findAccount }),
		...accountRoutes(device),
		...systemRoutes(device),
		...systemPartRoutes(device),
		...systemLogRoutes(device),
		...systemNetworkRoutes(device),
		...chassisRoutes(device),
		...managerRoutes(device),
		...managerNetworkRoutes(device),
		...managerLogRoutes(device),
		...updateRoutes(device),
		...taskRoutes(device),
		...eventRoutes(device),
		...certificateRoutes(device),
		...telemetryRoutes(device),
	];
}

/** An emulated BMC is no way to other machines unless that is meant. */
const isOnThisMachine = ({ hostname }: URL): boolean =>
	/^(?:127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/.test(hostname);
