// hil as a process of its own that can be killed at a named moment: `hil-child.fixture.ts hil.yaml [SWITCH-FILE]`. Between
// hil and its store and switches stands what counts the moments; nothing of that is in hil itself.
import { flushCompileCache } from 'node:module';
import { createLogger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import { openHil } from '../../hil/open-hil.ts';
import { readHilSite } from '../../hil/site.ts';
import type { SwitchType } from '../../hil/switches/driver.ts';
import type { FromHil, ToHil } from './child-hil.ts';
import { fileSwitchType } from './file-switch.fixture.ts';

const [config, switchFile] = process.argv.slice(2);
if (!config || !process.send) throw new Error('started by child-hil.ts with a site file');
const tell = (message: FromHil): void => void process.send?.(message);

let passed: string[] = [];
/** Counted from its start when it is to be killed on the way up. */
let killAt = Number(process.env.BIMETAL_TEST_KILL_AT ?? Number.POSITIVE_INFINITY);
function moment(name: string): void {
	passed.push(name);
	// The signal is delivered before kill(2) returns to its own process.
	if (passed.length === killAt) process.kill(process.pid, 'SIGKILL');
}

const watchStore = (store: Store): Store => ({
	...store,
	async transact(work) {
		moment('about to write');
		const result = await store.transact(work);
		moment('written');
		return result;
	},
});
const watchType = (type: SwitchType): SwitchType => ({
	...type,
	open(settings) {
		const driver = type.open(settings);
		return {
			async readPort(...args) {
				const state = await driver.readPort(...args);
				moment('port read');
				return state;
			},
			async setPort(...args) {
				moment('about to set a port');
				await driver.setPort(...args);
				moment('port set');
			},
			close: () => driver.close(),
		};
	},
});

process.on('message', (message: ToHil) => {
	if (message.kind === 'arm') {
		passed = [];
		killAt = message.killAt ?? Number.POSITIVE_INFINITY;
		tell({ kind: 'armed' });
	} else tell({ kind: 'passed', moments: passed });
});

const running = await openHil(readHilSite(config), {
	logger: createLogger({ service: 'hil', level: 'error', destination: process.stderr }),
	through({ store, types }) {
		const file = switchFile === undefined ? [] : [fileSwitchType(switchFile, () => moment('port half set'))];
		const all = [...types.values(), ...file].map(type => [type.type, watchType(type)] as const);
		return { store: watchStore(store), types: new Map(all) };
	},
});
process.on('SIGTERM', () => void running.close().then(() => process.disconnect()));
// Whoever is killed writes nothing at its end.
flushCompileCache();
tell({ kind: 'up', url: running.url });
