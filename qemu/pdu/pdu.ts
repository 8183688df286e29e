import type { Logger } from 'pino';
import { type Clock, systemClock } from '../../common/clock.ts';
import { type AccountSeed, createAccount } from '../redfish/accounts.ts';
import { startHttpServer, type TlsIdentity } from '../redfish/http-server.ts';
import { createService, type ExecutedRequest } from '../redfish/service.ts';
import { createSessions } from '../redfish/sessions.ts';
import { type Outlet, outletWatts, SAMPLE_MS } from './outlet.ts';
import { pduRoutes } from './routes.ts';

/** Where readings are published; the site's event bus fits. */
export interface Publisher {
	publish(topic: string, payload: OutletReading): Promise<void>;
}

/** What is published on `bimetal/pdu/outlets/<id>`. */
export type OutletReading = {
	Id: string;
	Name: string;
	/** Watts. */
	PowerWatts: number;
	/** The outlet's own switch. */
	PowerState: 'On' | 'Off';
};

export interface PduOptions {
	readonly outlets: readonly Outlet[];
	readonly host?: string;
	/** 0: any free port. */
	readonly port?: number;
	readonly tls?: TlsIdentity | undefined;
	readonly accounts: readonly AccountSeed[];
	readonly events?: Publisher | undefined;
	readonly clock?: Clock;
	readonly logger?: Pick<Logger, 'error'> | undefined;
	readonly failedLoginDelayMs?: number;
}

export interface Pdu {
	readonly url: string;
	readonly port: number;
	readonly executed: readonly ExecutedRequest[];
	/** All outlets' readings now. */
	readings(): OutletReading[];
	/** Publishes an outlet's reading at once: its server's power has changed. */
	changed(outletId: string): void;
	close(): Promise<void>;
}

/** Starts an emulated rack PDU with its own Redfish, which also publishes what each outlet delivers. */
export async function startPdu(options: PduOptions): Promise<Pdu> {
	const clock = options.clock ?? systemClock;
	const host = options.host ?? '127.0.0.1';
	const accounts = options.accounts.map(createAccount);
	const sessions = createSessions(clock);
	const off = new Set<string>();
	let generation = 1;
	let cancel: () => void = () => {};
	const touch = () => {
		generation++;
	};
	const findAccount = (name: string) => accounts.find(account => account.name === name);
	const isOn = (outlet: Outlet) => !off.has(outlet.id);
	const watts = (outlet: Outlet) => outletWatts(outlet, isOn(outlet), clock.now());
	const reading = (outlet: Outlet): OutletReading => ({
		Id: outlet.id,
		Name: outlet.name,
		PowerWatts: watts(outlet),
		PowerState: isOn(outlet) ? 'On' : 'Off',
	});
	const onFault = (error: unknown) => options.logger?.error({ err: error }, 'a fault in the emulated PDU');
	const publish = (outlet: Outlet) => {
		options.events?.publish(`bimetal/pdu/outlets/${outlet.id}`, reading(outlet)).catch(onFault);
	};
	const switchOutlet = (outlet: Outlet, action: 'On' | 'Off' | 'PowerCycle') => {
		if (action !== 'On' && isOn(outlet)) {
			off.add(outlet.id);
			outlet.onSwitch?.('Off');
			publish(outlet);
		}
		if (action !== 'Off' && !isOn(outlet)) {
			off.delete(outlet.id);
			outlet.onSwitch?.('On');
			publish(outlet);
		}
		touch();
	};
	const failedLoginDelayMs = options.failedLoginDelayMs ?? 2000;
	const service = createService({
		routes: pduRoutes({
			clock,
			sessions,
			failedLoginDelayMs,
			outlets: options.outlets,
			findAccount,
			touch,
			isOn,
			watts,
			switchOutlet,
		}),
		clock,
		sessions,
		findAccount,
		generation: () => generation,
		touch,
		failedLoginDelayMs,
	});
	const server = await startHttpServer({
		host,
		port: options.port ?? 0,
		tls: options.tls,
		clock,
		onFault,
		handler: service.handler,
	});
	const sample = () => {
		for (const outlet of options.outlets) publish(outlet);
		cancel = clock.after(SAMPLE_MS, sample);
	};
	sample();
	return {
		url: `${options.tls ? 'https' : 'http'}://${host}:${server.port}`,
		port: server.port,
		executed: service.executed,
		readings: () => options.outlets.map(reading),
		changed(outletId) {
			const outlet = options.outlets.find(candidate => candidate.id === outletId);
			touch();
			if (outlet) publish(outlet);
		},
		async close() {
			cancel();
			await server.close();
		},
	};
}
