import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { Call } from '../call.ts';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import type { BmcConnection } from '../forward/bmc-connection.ts';
import type { Operator } from '../operator.ts';
import type { ExternalValue } from '../policy/facts.ts';
import { loadPolicies } from '../policy/load-policies.ts';
import { noClaims } from './claims.fixture.ts';
import { activate, createConsider } from './consider.ts';

const table = `
- { type: T, operation: Both, description: d, match: 'POST /redfish/v1/Both', p2c: '(HSO and cp) or (CP and hso)' }
- { type: T, operation: Free, description: d, match: 'GET /redfish/v1/Free', p2c: 'HSO or CP' }
- { type: T, operation: Target, description: d, match: 'POST /redfish/v1/Systems/{system}/Actions/Go', p2c: 'HSO and cp' }
- { type: T, operation: Asked, description: d, match: 'GET /redfish/v1/Asked', p2c: 'HSO and cp' }
`;
const hsoFile = 'Both:\n  hso.pre: External.PDU<1000\n';
const cpFile = `
Both:
  cp.pre: External.Servers>=6
Target:
  cp.pre: Resource.PowerState=="Off"
Asked:
  cp.pre: Request.Method=="GET" and Request.Party=="HSO" and Request.Bmc=="node1" and Request.Rack=="rack1"
`;

async function load() {
	const folder = await mkdtemp(join(tmpdir(), 'bimetal-consider-'));
	try {
		for (const [party, text] of [
			['hso', hsoFile],
			['cp', cpFile],
		] as const) {
			await mkdir(join(folder, party));
			await writeFile(join(folder, party, 'all.yaml'), text);
		}
		await writeFile(join(folder, 'operations.yaml'), table);
		return activate(
			await loadPolicies({ folder, parties: ['HSO', 'CP'], externalSources: ['Servers', 'PDU'] }),
		);
	} finally {
		await rm(folder, { recursive: true });
	}
}
const policies = await load();
const hso: Operator = { name: 'h', party: 'HSO' };
const cp: Operator = { name: 'c', party: 'CP' };
const fresh = (value: JsonValue): ExternalValue => ({ status: 'fresh', value, asOf: 0 });

function bench(
	given: { Servers?: number; PDU?: number; resource?: JsonValue | Error; gone?: Operator } = {},
) {
	const asked: string[][] = [];
	const readPaths: string[] = [];
	const values: Record<string, ExternalValue> = {
		Servers: fresh(given.Servers ?? 8),
		PDU: fresh(given.PDU ?? 880),
	};
	const deps = {
		clock: { now: () => 0 },
		claims: noClaims,
		personOf: (operator: Operator) => (operator === given.gone ? undefined : operator.name),
		async readExternal(names: readonly string[]) {
			asked.push([...names]);
			return Object.fromEntries(names.map(name => [name, values[name] as ExternalValue]));
		},
	};
	const consider = createConsider(deps);
	const bmc = {
		target: { name: 'node1', rack: 'rack1', url: '' },
		async read(path: string) {
			readPaths.push(path);
			if (given.resource instanceof Error) throw given.resource;
			return given.resource ?? null;
		},
	} as unknown as BmcConnection;
	const ask = (method: 'GET' | 'HEAD' | 'POST', path: string, ...authorizers: Operator[]) => {
		const segments = path.split('/').slice(1);
		const request = { method, path, segments, query: [], body: undefined, bytes: undefined };
		const call = {
			request: { ...request, ifMatch: undefined, ifNoneMatch: undefined, contentType: undefined },
			operator: authorizers[0] ?? hso,
			bmc,
			prefix: '',
		} satisfies Call;
		const found = policies.classify(call.request);
		return consider(policies, found.kind === 'known' ? found.operations : [], call, authorizers);
	};
	return { ask, asked, readPaths };
}

test('no fact is read that no policy of the row looks at', async t => {
	const { ask, asked, readPaths } = bench();
	t.is((await ask('GET', '/redfish/v1/Free', hso)).kind, 'execute');
	t.deepEqual([asked, readPaths], [[], []]);
});

test('what can let it through at once is read first, the rest only when it does not', async t => {
	const through = bench();
	t.is((await through.ask('POST', '/redfish/v1/Both', hso)).kind, 'execute');
	t.deepEqual(through.asked, [['Servers']]);
	const waits = bench({ Servers: 5 });
	t.like(await waits.ask('POST', '/redfish/v1/Both', hso), { kind: 'wait', needs: [['CP']] });
	t.deepEqual(
		waits.asked.map(names => [...names].sort()),
		[['Servers'], ['PDU', 'Servers']],
	);
	t.is((await bench({ Servers: 5, PDU: 1000 }).ask('POST', '/redfish/v1/Both', hso)).kind, 'deny');
	t.is((await bench({ Servers: 5 }).ask('POST', '/redfish/v1/Both', hso, cp)).kind, 'execute');
});

test('an action is judged by the resource that offers it; what cannot be read does not hold', async t => {
	const path = '/redfish/v1/Systems/system/Actions/Go';
	const off = bench({ resource: { PowerState: 'Off' } });
	t.is((await off.ask('POST', path, hso)).kind, 'execute');
	t.deepEqual(off.readPaths, ['/redfish/v1/Systems/system']);
	t.is((await bench({ resource: { PowerState: 'On' } }).ask('POST', path, hso)).kind, 'deny');
	t.is((await bench({ resource: new Error('no answer') }).ask('POST', path, hso)).kind, 'deny');
	t.is((await bench({ resource: {} }).ask('POST', path, hso)).kind, 'deny');
});

test('policies see the request, a HEAD as the GET that it stands for', async t => {
	for (const method of ['GET', 'HEAD'] as const) {
		t.is((await bench().ask(method, '/redfish/v1/Asked', hso)).kind, 'execute');
	}
	t.is((await bench().ask('GET', '/redfish/v1/Asked', cp)).kind, 'deny');
});

test('who is no operator any more does not count', async t => {
	t.is((await bench({ gone: cp, Servers: 5 }).ask('POST', '/redfish/v1/Both', hso, cp)).kind, 'wait');
	const verdict = await bench({ gone: hso }).ask('GET', '/redfish/v1/Free', hso);
	t.like(verdict, { kind: 'wait' });
});
