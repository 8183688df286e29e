// How fast a decision is: one row of the table with both parties' policies, against the same rule in Cedar and in
// json-logic. What each side does stands in its name; all answer allow before they are timed.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { preparsePolicySet, statefulIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs';
import jsonLogic from 'json-logic-js';
import type { JsonValue } from '../proxy/canonicalise/canonical-request.ts';
import { decide } from '../proxy/decide/decide.ts';
import type { Facts } from '../proxy/policy/facts.ts';
import { loadPolicies } from '../proxy/policy/load-policies.ts';
import type { Operation } from '../proxy/policy/policy-set.ts';
import type { BenchArea, BenchCase, Figure, Side } from './harness/bench-case.ts';

const figures: readonly Figure[] = [
	{ name: '', unit: 'decisions/s', better: 'higher' },
	{ name: 'p99', unit: 'µs', better: 'lower' },
];

/** `decideOnce` gives whether it is allowed; one `p99` sample is a batch's time divided by its size. */
function side(name: string, decideOnce: () => boolean): Side {
	return {
		name,
		async check() {
			assert.equal(decideOnce(), true, `${name} does not answer allow`);
		},
		async round(seconds) {
			const batch = 100;
			const samples: number[] = [];
			let count = 0;
			const start = performance.now();
			let before = start;
			while (before - start < seconds * 1000) {
				for (let i = 0; i < batch; i++) if (!decideOnce()) throw new Error(`${name} changed its answer`);
				const now = performance.now();
				samples.push(((now - before) * 1000) / batch);
				before = now;
				count += batch;
			}
			samples.sort((a, b) => a - b);
			return {
				'': (count * 1000) / (before - start),
				p99: samples[Math.floor(samples.length * 0.99)] ?? Number.NaN,
			};
		},
	};
}

const operationName = 'Power on, off, reboot $system';

/** The row of the slides with these two conditions, loaded as the proxy loads it. */
async function rowWith(cp: string, hso: string): Promise<Operation> {
	const operation = operationName;
	const folder = await mkdtemp(join(tmpdir(), 'bimetal-bench-'));
	try {
		await mkdir(join(folder, 'cp'));
		await mkdir(join(folder, 'hso'));
		await writeFile(
			join(folder, 'operations.yaml'),
			`- { type: Operation, operation: "${operation}", description: Reset, match: POST /redfish/v1/Reset, p2c: (HSO and cp) or (CP and hso) }\n`,
		);
		await writeFile(join(folder, 'cp', 'power.yaml'), `"${operation}": { cp.pre: '${cp}' }\n`);
		await writeFile(join(folder, 'hso', 'power.yaml'), `"${operation}": { hso.pre: '${hso}' }\n`);
		const parties = ['HSO', 'CP'];
		const { operations } = await loadPolicies({
			folder,
			parties,
			externalSources: ['Rack', 'Servers', 'PDU'],
		});
		const [row] = operations;
		assert.ok(row);
		return row;
	} finally {
		await rm(folder, { recursive: true });
	}
}

const fresh = (value: JsonValue) => ({ status: 'fresh', value, asOf: 0 }) as const;

const servers = Array.from({ length: 8 }, (_, i) => ({ Name: `node${i + 1}`, State: 'Up' }));
const outlets = Array.from({ length: 8 }, (_, i) => ({ Id: String(i + 1), Power: 110 }));
const facts: Facts = {
	Request: {
		Method: 'POST',
		Path: '/redfish/v1/Reset',
		Operation: operationName,
		Bmc: 'node1',
		Rack: 'rack1',
		Party: 'HSO',
		Operator: 'hso-operator',
		Body: { ResetType: 'ForceRestart' },
	},
	Resource: undefined,
	External: { Rack: fresh({ Up: 8, Power: 880 }), Servers: fresh(servers), PDU: fresh({ Outlets: outlets }) },
};
const hso: ReadonlySet<string> = new Set(['HSO']);

function ours(row: Operation): Side {
	return side('bimetal: decide(), clauses and all', () => {
		return decide({ operations: [row], authorizations: hso, facts }).kind === 'execute';
	});
}

/** Cedar has no folds over lists of records: it is given their results, as the first case gives them to all. */
function cedar(): Side {
	const parsed = preparsePolicySet('rack', {
		staticPolicies: `
permit (principal in Party::"HSO", action == Action::"Reset", resource) when { context.Up >= 6 };
permit (principal in Party::"CP", action == Action::"Reset", resource) when { context.Power < 1000 };`,
	});
	assert.equal(parsed.type, 'success');
	const call = {
		principal: { type: 'Operator', id: 'hso-operator' },
		action: { type: 'Action', id: 'Reset' },
		resource: { type: 'System', id: 'node1' },
		context: { Up: 8, Power: 880 },
		preparsedPolicySetId: 'rack',
		entities: [
			{ uid: { type: 'Operator', id: 'hso-operator' }, attrs: {}, parents: [{ type: 'Party', id: 'HSO' }] },
		],
	};
	return side('Cedar (wasm), policies parsed before', () => {
		const answer = statefulIsAuthorized(call);
		return answer.type === 'success' && answer.response.decision === 'allow';
	});
}

/** No clauses, no reasons: the one expression that decides. */
function logic(name: string, up: object, power: object): Side {
	const rule = {
		or: [
			{ and: [{ '==': [{ var: 'Party' }, 'HSO'] }, { '>=': [up, 6] }] },
			{ and: [{ '==': [{ var: 'Party' }, 'CP'] }, { '<': [power, 1000] }] },
		],
	};
	const data = { Party: 'HSO', Rack: { Up: 8, Power: 880 }, Servers: servers, Outlets: outlets };
	return side(name, () => jsonLogic.apply(rule, data) === true);
}

const total = (list: string, element: object) => ({
	reduce: [{ var: list }, { '+': [element, { var: 'accumulator' }] }, 0],
});

export const area: BenchArea = {
	async open() {
		const cases: BenchCase[] = [
			{
				name: 'two comparisons, counted before',
				figures,
				ours: ours(await rowWith('External.Rack.Up>=6', 'External.Rack.Power<1000')),
				peers: [cedar(), logic('json-logic-js', { var: 'Rack.Up' }, { var: 'Rack.Power' })],
			},
			{
				name: 'the slides’ policies, folding eight servers',
				figures,
				ours: ours(
					await rowWith('COUNT(External.Servers.State=="Up")>=6', 'SUM(External.PDU.Outlets.Power)<1000'),
				),
				peers: [
					logic(
						'json-logic-js',
						total('Servers', { if: [{ '==': [{ var: 'current.State' }, 'Up'] }, 1, 0] }),
						total('Outlets', { var: 'current.Power' }),
					),
				],
			},
		];
		return { cases, close: async () => undefined };
	},
};
