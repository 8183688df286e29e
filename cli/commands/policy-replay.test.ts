import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AuditRecord } from '../../proxy/audit/audit-record.ts';
import { genesis, seal } from '../../proxy/audit/chain.ts';
import { testWithSite } from '../test-site.ts';
import { createTerminal } from '../test-terminal.ts';

const test = testWithSite();
const shipped = fileURLToPath(new URL('../../policies', import.meta.url));

const up = 'COUNT(External.Servers.State=="Up")';
const reset: AuditRecord = {
	kind: 'decision',
	requestId: null,
	operator: 'hso-operator',
	party: 'HSO',
	bmc: 'node1',
	method: 'POST',
	path: '/redfish/v1/Systems/system/Actions/ComputerSystem.Reset',
	operations: ['Power on, off, reboot $system'],
	verdict: 'execute',
	clause: 'HSO and cp',
	policyVersion: 'x',
	digest: null,
	request: { body: '{"ResetType":"On"}', contentType: 'application/json', query: [], size: 18 },
	policies: [
		{
			party: 'CP',
			operation: 'Power on, off, reboot $system',
			expression: `${up}>=6`,
			holds: true,
			reason: '',
			values: [{ expression: up, value: '6' }],
		},
	],
	status: null,
};

test('replay lists what would have been decided otherwise, and counts what it cannot tell', async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-replay-'));
	t.teardown(() => rm(folder, { recursive: true }));
	await cp(shipped, folder, { recursive: true });
	const power = path.join(folder, 'cp/power.yaml');
	await writeFile(power, (await readFile(power, 'utf8')).replaceAll(`${up}>=6`, `${up}>=7`));
	let head = genesis;
	const patch = {
		...reset,
		method: 'PATCH',
		path: '/redfish/v1/Systems/system',
		request: undefined,
		policies: [],
	};
	const { request: _none, ...unknownPatch } = patch;
	const lines = [
		reset,
		{ ...unknownPatch, request: { body: '{"Boot…', contentType: null, query: [], size: 9000 } },
	].map(record => {
		const sealed = seal(head, '2026-01-01T00:00:00.000Z', canonical(record));
		head = sealed.head;
		return sealed.line;
	});

	const { proxy, terminal } = t.context;
	proxy.handle = ({ url }) => {
		const after = /^\/p2c\/v1\/audit\/records\?after=(\d+)/.exec(url)?.[1];
		if (after === undefined) return undefined;
		const records = after === '0' ? lines.map(line => line.trimEnd()) : [];
		return { status: 200, body: { records, next: null } };
	};
	const ran = await terminal().run('policy', 'replay', folder, '--as', 'hso');
	t.is(ran.code, 10, ran.err);
	t.regex(
		ran.out,
		/^1 {2}2026-01-01T00:00:00\.000Z {2}hso-operator: POST .*ComputerSystem\.Reset at node1 was executed under "HSO and cp" → /,
	);
	t.regex(ran.out, /1 of 2 decisions would have been others, 0 the same/);
	t.regex(ran.out, /1 could not be replayed:\n {2}1 {2}the body of the PATCH/);
	const json = JSON.parse((await terminal().run('policy', 'replay', shipped, '--as', 'hso', '--json')).out);
	t.like(json, { same: 1, changed: [] });
	t.is((await createTerminal().run('policy', 'replay', shipped, '--audit', 'nothing-here')).code, 2);
});

/** Members in order, as the log writes them. */
function canonical(value: unknown): string {
	if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
	if (typeof value !== 'object' || value === null) return JSON.stringify(value);
	const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
	return `{${members.map(([name, each]) => `${JSON.stringify(name)}:${canonical(each)}`).join(',')}}`;
}
