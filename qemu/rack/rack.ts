import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { type Clock, systemClock } from '../../common/clock.ts';
import { type Bmc, type PowerStateName, startBmc } from '../bmc/bmc.ts';
import type { HostNic } from '../bmc/host.ts';
import { type Pdu, type Publisher, startPdu } from '../pdu/pdu.ts';
import type { AccountSeed } from '../redfish/accounts.ts';
import type { TlsIdentity } from '../redfish/http-server.ts';

export interface RackOptions {
	/** How many servers; 8 where nothing is said. Without `names` they are node1, node2, … */
	readonly size?: number;
	readonly names?: readonly string[];
	readonly host?: string;
	/** Ports of the BMCs by name, and of the PDU as `pdu`; one that is missing is any free port. */
	readonly ports?: Readonly<Record<string, number>>;
	/** The certificate of a BMC, or of the PDU as `pdu`. Without it: plain HTTP. */
	readonly tls?: ((name: string) => TlsIdentity) | undefined;
	/** The accounts of a BMC, or of the PDU as `pdu`; each has at least one. */
	readonly accounts: (name: string) => readonly AccountSeed[];
	/** Network interfaces of a server that its BMC shows; none when absent, as with OpenBMC. */
	readonly nics?: ((name: string) => readonly HostNic[]) | undefined;
	/** Where outlet powers are published. */
	readonly events?: Publisher | undefined;
	readonly clock?: Clock;
	readonly postTimeMs?: number;
	readonly shutdownTimeMs?: number;
	readonly taskTimeMs?: number;
	readonly failedLoginDelayMs?: number;
	/** A folder for what the BMCs remember from one start to the next. */
	readonly stateFolder?: string | undefined;
	readonly logger?: Pick<Logger, 'info' | 'error'> | undefined;
	readonly onPowerChange?: (state: PowerStateName, bmc: string) => void;
}

export interface Rack {
	readonly bmcs: readonly Bmc[];
	readonly pdu: Pdu;
	close(): Promise<void>;
}

/**
 * Starts a rack: BMCs with their servers, and a PDU with an outlet for each (`1`, `2`, …). If one part cannot
 * start, those that did are ended again.
 */
export async function startRack(options: RackOptions): Promise<Rack> {
	const clock = options.clock ?? systemClock;
	const names = options.names ?? Array.from({ length: options.size ?? 8 }, (_, index) => `node${index + 1}`);
	if (options.stateFolder !== undefined) mkdirSync(options.stateFolder, { recursive: true, mode: 0o700 });
	const bmcs: Bmc[] = [];
	let pdu: Pdu | undefined;
	const close = async () => {
		await pdu?.close();
		await Promise.all(bmcs.map(bmc => bmc.close()));
	};
	try {
		for (const name of names) {
			bmcs.push(
				await startBmc({
					...shared(options, clock),
					name,
					port: options.ports?.[name] ?? 0,
					tls: options.tls?.(name),
					accounts: options.accounts(name),
					nics: options.nics?.(name),
					stateFile:
						options.stateFolder === undefined ? undefined : join(options.stateFolder, `${name}.json`),
					onPowerChange(state, bmc) {
						pdu?.changed(String(names.indexOf(bmc) + 1));
						options.onPowerChange?.(state, bmc);
					},
				}),
			);
		}
		pdu = await startPdu({
			...shared(options, clock),
			port: options.ports?.pdu ?? 0,
			tls: options.tls?.('pdu'),
			accounts: options.accounts('pdu'),
			events: options.events,
			outlets: bmcs.map((bmc, index) => ({
				id: String(index + 1),
				name: bmc.name,
				serverState: () => bmc.powerState(),
				// A server without power is off at once, and comes up again with the power.
				onSwitch: state => bmc.press(state === 'Off' ? 'ForceOff' : 'On'),
			})),
		});
	} catch (error) {
		await close();
		throw error;
	}
	return { bmcs, pdu, close };
}

function shared(options: RackOptions, clock: Clock) {
	return {
		clock,
		logger: options.logger,
		host: options.host ?? '127.0.0.1',
		...(options.postTimeMs === undefined ? {} : { postTimeMs: options.postTimeMs }),
		...(options.shutdownTimeMs === undefined ? {} : { shutdownTimeMs: options.shutdownTimeMs }),
		...(options.taskTimeMs === undefined ? {} : { taskTimeMs: options.taskTimeMs }),
		...(options.failedLoginDelayMs === undefined ? {} : { failedLoginDelayMs: options.failedLoginDelayMs }),
	};
}
