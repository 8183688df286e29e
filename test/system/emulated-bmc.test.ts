// The proxy's tests for any BMC, before the emulated one as it is delivered: so that they are proven themselves, also
// where nobody has an OpenBMC image for openbmc.test.ts.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { givenBmc } from '../../cli/up/given-bmc.ts';
import { startSite } from '../../cli/up/start-site.ts';
import { systemClock } from '../../common/clock.ts';
import { createLogger } from '../../common/log/logger.ts';
import type { EnrolOutcome } from '../../proxy/enrol/enrol.ts';
import { startBmc } from '../../qemu/bmc/bmc.ts';
import { publicLogin } from '../../qemu/openbmc/known-images.ts';
import { askServiceRoot } from '../../qemu/openbmc/service-root.ts';
import { createTestTls } from '../site-folder.ts';
import type { SomeBmc } from '../some-bmc/some-bmc.ts';
import { testSomeBmc } from '../some-bmc/suite.ts';

const never = new AbortController().signal;

/** With TLS, the log-in that everybody knows, somebody else's account, and all its doors open. */
async function startDelivered(): Promise<SomeBmc> {
	const state = await mkdtemp(path.join(tmpdir(), 'bimetal-some-bmc-'));
	const { server } = await createTestTls();
	const bmc = await startBmc({
		name: 'delivered',
		tls: { key: server.keyPem, cert: server.certificatePem },
		accounts: [
			{ name: publicLogin.username, password: publicLogin.password, role: 'Administrator' },
			{ name: 'service', password: 'Somebody-elses1', role: 'Administrator' },
		],
		postTimeMs: 0,
		failedLoginDelayMs: 0,
	});
	const { fingerprint } = await askServiceRoot(bmc.port, 10_000, never);
	let enrolled: EnrolOutcome | undefined;
	const room = givenBmc(
		{ name: 'delivered', url: bmc.url, fingerprint, ...publicLogin },
		{
			clock: systemClock,
			signal: never,
			patience: 10_000,
			report: () => undefined,
			onEnrolled: outcome => {
				enrolled = outcome;
			},
		},
	);
	const policies = path.join(import.meta.dirname, '../../policies');
	const logger = createLogger({ service: 'up', level: 'error' });
	const options = { state, policies, logger, host: '127.0.0.1', port: 0, opsPort: 0, processes: 1 } as const;
	const site = await startSite({ ...options, progress: () => undefined }, room);
	return {
		line: site.line,
		login: publicLogin,
		left: enrolled?.left ?? ['nobody knows'],
		async close() {
			await site.close();
			await bmc.close();
			await rm(state, { recursive: true });
		},
	};
}

testSomeBmc((title, run) => test.serial(title, run), startDelivered);
