import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { type HilBench, startHil } from '../../hil/hil.fixture.ts';
import { createMemoryObm } from '../../hil/obm/memory-obm.fixture.ts';
import type { Obm } from '../../hil/obm/obm.ts';
import { createTerminal, type Ran, type Terminal } from '../test-terminal.ts';
import { hilProfiles } from './hil-profile.ts';

const mock = 'http://schema.massopencloud.org/haas/v0/switches/mock';

export interface HilTerminal {
	readonly hil: HilBench;
	readonly obm: ReturnType<typeof createMemoryObm>;
	/** Holds the profiles `admin`, `red` (alice) and `blue` (bob). */
	readonly home: string;
	/** hil's own clock goes on while it runs. */
	run(...argv: string[]): Promise<Ran>;
	terminal(options?: Parameters<typeof createTerminal>[0]): Terminal;
}

/** A hil with switch `tor`, free nodes n1, n2, … with a NIC each, projects red and blue; and a terminal to talk to it. */
export async function startHilTerminal(
	t: Pick<ExecutionContext, 'teardown'>,
	count = 3,
	/** How its machines are managed, where that is otherwise. */
	own: Partial<Obm> = {},
): Promise<HilTerminal> {
	const obm = { ...createMemoryObm(), ...own };
	const hil = await startHil(t, { obm });
	await hil.ok('PUT', '/v0/switch/tor', { type: mock, hostname: 'tor', username: 'u', password: 'p' });
	for (let index = 1; index <= count; index++) {
		const metadata = { ram: 64 * index, model: 'BM 1000', ...(index > 1 && { tpm: true }) };
		const obmd = { uri: `https://p/bmc/n${index}`, admin_token: '' };
		await hil.ok('PUT', `/v0/node/n${index}`, { obmd, metadata });
		await hil.ok('PUT', `/v0/node/n${index}/nic/eth0`, { macaddr: `02:00:00:00:00:0${index}` });
		await hil.ok('PUT', `/v0/switch/tor/port/gi1/0/${index}`);
		const plugged = { node: `n${index}`, nic: 'eth0' };
		await hil.ok('POST', `/v0/switch/tor/port/gi1/0/${index}/connect_nic`, plugged);
	}
	const home = await mkdtemp(path.join(tmpdir(), 'bimetal-hil-cli-'));
	t.teardown(() => rm(home, { recursive: true }));
	for (const [name, user, project] of [
		['admin', 'root', null],
		['red', 'alice', 'red'],
		['blue', 'bob', 'blue'],
	] as const) {
		if (project !== null) {
			await hil.ok('PUT', `/v0/project/${project}`);
			await hil.ok('PUT', `/v0/auth/basic/user/${user}`, { password: user });
			await hil.ok('POST', `/v0/auth/basic/user/${user}/add_project`, { project });
		}
		const passwordFile = path.join(home, `${user}.password`);
		await writeFile(passwordFile, `${user}\n`, { mode: 0o600 });
		await hilProfiles.save(home, { name, url: hil.url, user, passwordFile });
	}
	const terminal: HilTerminal['terminal'] = (options = {}) =>
		createTerminal({ cwd: home, ...options, env: { BIMETAL_HOME: home, ...options.env } });
	return {
		hil,
		obm,
		home,
		terminal,
		async run(...argv) {
			const moving = setInterval(() => hil.clock.advance(1000), 5);
			try {
				return await terminal().run(...argv);
			} finally {
				clearInterval(moving);
			}
		},
	};
}
