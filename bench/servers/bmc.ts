import { systemClock } from '../../common/clock.ts';
import { startBmc } from '../../qemu/bmc/bmc.ts';
import { appendRecord, type Severity } from '../../qemu/bmc/event-log.ts';
import { factoryState, saveState } from '../../qemu/bmc/state.ts';
import { serve } from '../harness/serve.ts';

export interface BmcServerOptions {
	readonly key: string;
	readonly cert: string;
	readonly password: string;
	/** Entries that its event log holds, every fifth of them Critical. */
	readonly entries: number;
	/** Where it may keep its state. */
	readonly stateFile: string;
}

// The emulated BMC, alone in its process.
await serve(async (options: BmcServerOptions) => {
	const accounts = [{ name: 'root', password: options.password, role: 'Administrator' }] as const;
	const now = systemClock.now();
	const state = factoryState(accounts, 'BM-BENCH', now, 'On');
	state.log.length = 0;
	for (let id = 1; id <= options.entries; id++) {
		const severity: Severity = id % 5 === 0 ? 'Critical' : id % 2 === 0 ? 'Warning' : 'OK';
		appendRecord(state.log, id, now, {
			severity,
			messageId: 'FanSpeedLow',
			message: `Fan fan${id} turns slower than its lower limit.`,
			args: [`fan${id}`],
		});
	}
	state.nextLogId = options.entries + 1;
	saveState(options.stateFile, state);
	const bmc = await startBmc({
		name: 'node1',
		tls: { key: options.key, cert: options.cert },
		accounts,
		stateFile: options.stateFile,
	});
	return { ready: { url: bmc.url }, close: () => bmc.close() };
});
