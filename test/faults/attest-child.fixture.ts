// Attestation as a process of its own that can be killed as it is about to write: `attest-child.fixture.ts attest.yaml`.
// What evidence comes to is told by the test; nothing of that is in the service itself.
import { flushCompileCache } from 'node:module';
import { openAttest } from '../../attest/open-attest.ts';
import { evidenceOf, refused } from '../../attest/passage/evidence.fixture.ts';
import { readAttestSite } from '../../attest/site.ts';
import { apply } from '../../attest/verifier/admissions.ts';
import { createLogger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import type { FromAttest, ToAttest } from './child-attest.ts';

const [config] = process.argv.slice(2);
if (!config || !process.send) throw new Error('started by child-attest.ts with a site file');
const tell = (message: FromAttest): void => void process.send?.(message);

let passed = 0;
/** Counted from its start when it is to be killed on the way up. */
let killAt = Number(process.env.BIMETAL_TEST_KILL_AT ?? Number.POSITIVE_INFINITY);
let engine: Store | undefined;

async function judge(admission: string, isGood: boolean): Promise<void> {
	const event = evidenceOf(isGood ? undefined : refused);
	await engine?.transact(tx => apply(tx, admission, event, Date.now()));
	tell({ kind: 'judged' });
}

process.on('message', (message: ToAttest) => {
	if (message.kind === 'judge') return void judge(message.admission, message.isGood);
	const before = passed;
	passed = 0;
	killAt = message.killAt ?? Number.POSITIVE_INFINITY;
	tell({ kind: 'armed', passed: before });
});

const running = await openAttest(readAttestSite(config), {
	logger: createLogger({ service: 'attest', level: 'error', destination: process.stderr }),
	through(store) {
		engine = store;
		return {
			...store,
			transact(work) {
				// The signal is delivered before kill(2) returns to its own process.
				if (++passed === killAt) process.kill(process.pid, 'SIGKILL');
				return store.transact(work);
			},
		};
	},
});
process.on('SIGTERM', () => void running.close().then(() => process.disconnect()));
// Whoever is killed writes nothing at its end.
flushCompileCache();
tell({ kind: 'up', url: running.url });
