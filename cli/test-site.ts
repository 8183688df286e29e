import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import anyTest, { type TestFn } from 'ava';
import { type FakeProxy, passwords, startFakeProxy } from '../proxy/client/test-proxy.ts';
import { saveProfile } from './profile.ts';
import { createTerminal, type Terminal } from './test-terminal.ts';

export interface SiteContext {
	readonly proxy: FakeProxy;
	/** Holds the profiles hso and cp as `bimetal up` writes them, their password files and ca.pem. */
	readonly home: string;
	readonly terminal: (options?: Parameters<typeof createTerminal>[0]) => Terminal;
}

/** AVA's test with a fake proxy and profiles for it, made anew for each test and ended with it. */
export function testWithSite(): TestFn<SiteContext> {
	const test = anyTest as TestFn<SiteContext>;
	test.beforeEach(async t => {
		const proxy = await startFakeProxy();
		const home = await mkdtemp(path.join(tmpdir(), 'bimetal-cli-'));
		for (const name of ['hso', 'cp']) {
			const passwordFile = path.join(home, `${name}.password`);
			await writeFile(passwordFile, `${passwords[`${name}-operator`]}\n`, { mode: 0o600 });
			await saveProfile(home, { name, url: proxy.url, ca: proxy.ca, user: `${name}-operator`, passwordFile });
		}
		await writeFile(path.join(home, 'ca.pem'), proxy.ca);
		const terminal: SiteContext['terminal'] = (options = {}) =>
			createTerminal({ ...options, env: { BIMETAL_HOME: home, ...options.env } });
		t.context = { proxy, home, terminal };
	});
	test.afterEach.always(async t => {
		await t.context.proxy.close();
		await rm(t.context.home, { recursive: true });
	});
	return test;
}
