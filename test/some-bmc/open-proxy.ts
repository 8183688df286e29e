import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { createLogger } from '../../common/log/logger.ts';
import { startProxy } from '../../proxy/main.ts';
import { readSite } from '../../proxy/site.ts';
import { createAsk } from '../proxy/ask.ts';
import type { Asked, SomeBmcLine } from './some-bmc.ts';

const shipped = path.join(import.meta.dirname, '../../policies/operations.yaml');

/** A second proxy before the same BMC, by whose table each party may do everything that has a row. */
export async function startOpenProxy(line: SomeBmcLine): Promise<{ ask: Asked; close(): Promise<void> }> {
	const policies = path.join(line.state, 'open-policies');
	for (const party of ['hso', 'cp']) await mkdir(path.join(policies, party), { recursive: true });
	const table = await readFile(shipped, 'utf8');
	await writeFile(
		path.join(policies, 'operations.yaml'),
		table.replaceAll(/^( {2}p2c:).*$/gm, '$1 HSO or CP'),
	);

	const site = parse(await readFile(path.join(line.state, 'site.yaml'), 'utf8'));
	const [name = ''] = Object.keys(site.bmcs);
	const { enrolment: _watched, host: _host, ...bmc } = site.bmcs[name];
	const { external: _external, events: _events, ...rest } = site;
	const file = path.join(line.state, 'open.yaml');
	const open = {
		...rest,
		...{ policies, listen: { port: 0 }, ops: { port: 0 }, audit: { folder: 'open-audit' } },
		store: { engine: 'sqlite', file: 'open.sqlite' },
		bmcs: { [name]: { ...bmc, listen: { port: 0 } } },
	};
	await writeFile(file, stringify(open), { mode: 0o600 });
	const logger = createLogger({ service: 'proxy', level: 'error' });
	const proxy = await startProxy(readSite(file), { logger });
	const asker = createAsk(proxy.bmcs[name] ?? '', await readFile(line.ca, 'utf8'));
	const operator = line.operators[0];
	if (!operator) throw new Error('a site without operators');
	return {
		ask: (method, target, body) =>
			asker.ask(
				{ name: operator.name, password: operator.password },
				method,
				target,
				body === undefined ? {} : { body },
			),
		async close() {
			asker.close();
			await proxy.close();
		},
	};
}
