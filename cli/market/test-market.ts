import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { type HttpMarket, startMarket } from '../../market/http-market.fixture.ts';
import { hilProfiles } from '../hil/hil-profile.ts';
import { createTerminal, type Ran } from '../test-terminal.ts';

type Run = (as: 'admin' | 'red' | 'blue', ...argv: readonly string[]) => Promise<Ran>;

/** Red's node1 to node3 in a market, and a terminal with profiles for an administrator, red and blue. */
export async function startMarketTerminal(
	t: ExecutionContext,
): Promise<{ market: HttpMarket; home: string; run: Run }> {
	const market = await startMarket(t);
	const home = await mkdtemp(path.join(tmpdir(), 'bimetal-market-cli-'));
	t.teardown(() => rm(home, { recursive: true }));
	for (const [name, user] of [
		['admin', 'root'],
		['red', 'alice'],
		['blue', 'bob'],
	] as const) {
		const passwordFile = path.join(home, `${user}.password`);
		await writeFile(passwordFile, `${user}\n`, { mode: 0o600 });
		await hilProfiles.save(home, { name, url: market.url, user, passwordFile, market: market.url });
	}
	for (const name of ['node1', 'node2', 'node3'])
		await market.ok('PUT', `/v1/servers/${name}`, { owner: 'red', properties: { model: 'R640' } }, 'root');
	const run: Run = (as, ...argv) =>
		createTerminal({ cwd: home, env: { BIMETAL_HOME: home } }).run(...argv, '--as', as);
	return { market, home, run };
}

/** Ids are random. */
export const plain = (text: string): string => text.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID');
export const jsonOf = ({ out }: Ran): Record<string, unknown> => JSON.parse(out);
