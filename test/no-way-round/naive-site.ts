import type { ExecutionContext } from 'ava';
import { FakeClock } from '../../common/clock.ts';
import { type Bmc, startBmc } from '../../qemu/bmc/bmc.ts';
import type { ExecutedRequest } from '../../qemu/redfish/service.ts';
import {
	type NaiveOptions,
	type NaiveProxy,
	startLibraryProxy,
	startMasker,
	startTunnel,
} from './naive-proxy.ts';
import { basicLine, type Received, sendBytes } from './wire.ts';

export interface NaiveSite {
	readonly bmc: Bmc;
	readonly clock: FakeClock;
	/** What the BMC carried out for whoever came through the naive proxy. */
	executed(): readonly ExecutedRequest[];
	send(text: string | readonly string[], options?: { expected?: number; until?: RegExp }): Promise<Received>;
}

const password = 'the-BMCs-own-password';
const rootLine = basicLine('root', password);

/** A BMC of its own behind a naive proxy; ends with the test. `tunnel` passes the client's credential on. */
export function naiveSite(
	t: ExecutionContext,
	kind: Parameters<typeof startLibraryProxy>[0] | 'tunnel',
	forbids: NaiveOptions['forbids'],
): Promise<NaiveSite> {
	return behind(t, (target, authorization) => {
		const options = { target, authorization, forbids };
		return kind === 'tunnel' ? startTunnel(options) : startLibraryProxy(kind, options);
	});
}

/** The same behind a proxy that passes everything on, and takes out of answers what `hide` does. */
export function maskedSite(
	t: ExecutionContext,
	hide: Parameters<typeof startMasker>[0]['hide'] = answer => answer,
): Promise<NaiveSite> {
	return behind(t, (target, authorization) => startMasker({ target, authorization, hide }));
}

async function behind(
	t: ExecutionContext,
	startProxy: (target: string, authorization: string) => Promise<NaiveProxy>,
): Promise<NaiveSite> {
	const clock = new FakeClock(Date.now());
	const accounts = [{ name: 'root', password, role: 'Administrator' as const }];
	const bmc = await startBmc({ name: 'node1', accounts, clock, failedLoginDelayMs: 0 });
	t.teardown(() => bmc.close());
	const proxy = await startProxy(bmc.url, rootLine.slice('Authorization: '.length));
	t.teardown(() => proxy.close());
	return {
		bmc,
		clock,
		executed: () => bmc.executed,
		send: (text, more) => sendBytes(text, { port: proxy.port, ...more }),
	};
}

/** For requests that go through a tunnel, which passes on what the client says it is. */
export const ownCredential = rootLine;
