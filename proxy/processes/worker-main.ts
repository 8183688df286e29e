// A worker's process: started by crew.ts, with a channel for messages and one (file descriptor 4) for audit records.
import { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { systemClock } from '../../common/clock.ts';
import { createLogger } from '../../common/log/logger.ts';
import { createRegistry } from '../../common/metrics/registry.ts';
import { bmcUnreachable } from '../forward/bmc-fault.ts';
import { adoptConnections } from './adopt-connections.ts';
import type { ToHome, ToWorker, WorkerConfig } from './message.ts';
import { createRecordSender } from './record-channel.ts';
import { createWorker } from './worker-app.ts';

const clock = systemClock;

const tell = (message: ToHome): void => {
	// Home has gone when it cannot be told; then so are we.
	process.send?.(message, undefined, undefined, fault => fault && process.exit(1));
};

// Home decides when to end: a Ctrl-C reaches every process of the terminal.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
// Nothing may be decided without home, not even for a moment.
process.on('disconnect', () => process.exit(1));

process.once('message', (first: ToWorker) => {
	if (first.kind === 'start') start(first.config);
});

function start(config: WorkerConfig): void {
	const logger = createLogger({
		service: 'proxy',
		level: config.logLevel,
		destination: { write: line => tell({ kind: 'log', line }) },
	});
	const registry = createRegistry({ service: 'proxy', process: true });
	const records = new Socket({ fd: 4 });
	records.on('error', () => undefined);
	const calls = new Map<number, { resolve: (token: string) => void; reject: (fault: Error) => void }>();
	let lastCall = 0;
	const token = (bmc: string, refused: string | undefined): Promise<string> =>
		new Promise((resolve, reject) => {
			lastCall++;
			calls.set(lastCall, { resolve, reject: fault => reject(bmcUnreachable(bmc, fault.message, fault)) });
			tell({ kind: 'token', call: lastCall, bmc, refused });
		});
	const worker = createWorker({
		config,
		audit: createRecordSender({ to: records, from: records, clock }),
		shareOf: bmc => ({
			tokenSource: refused => token(bmc, refused),
			onState: state => tell({ kind: 'bmc-state', bmc, state }),
		}),
		touched: sessions => tell({ kind: 'touched', sessions }),
		lease: (operator, unused) => tell({ kind: 'lease', operator, unused }),
		giveBack: (operator, grant) => tell({ kind: 'give-back', operator, grant }),
		clock,
		logger,
		registry,
	});
	const connections = adoptConnections(door => worker.serverOf(door));
	let closed: number[] = [];
	const noteClosed = (number: number): void => {
		// Those of one turn of the event loop go together.
		if (closed.length === 0)
			setImmediate(() => {
				tell({ kind: 'closed', numbers: closed });
				closed = [];
			});
		closed.push(number);
	};

	process.on('message', (message: ToWorker, handle: TLSSocket | undefined) => {
		switch (message.kind) {
			case 'start':
				break;
			case 'connection':
				tell({ kind: 'adopted', number: message.number });
				if (handle) connections.adopt(message.door, handle, () => noteClosed(message.number));
				else noteClosed(message.number);
				break;
			case 'granted':
				worker.granted(message.operator, message.grant);
				break;
			case 'update':
				worker.take(message.update);
				tell({ kind: 'done', number: message.number });
				break;
			case 'token': {
				const call = calls.get(message.call);
				calls.delete(message.call);
				if (message.token !== undefined) call?.resolve(message.token);
				else call?.reject(new Error(message.fault));
				break;
			}
			case 'metrics':
				registry
					.getMetricsAsJSON()
					.then(values => tell({ kind: 'metrics', call: message.call, values }))
					.catch(fault => logger.error({ err: fault }, 'metrics could not be read'));
				break;
			case 'close':
				connections
					.close(message.graceMs)
					.then(() => worker.close())
					.finally(() => process.exit(0));
		}
	});
	tell({ kind: 'ready' });
}
