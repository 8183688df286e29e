// examples/policies-maintenance does what its README says.
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { decide, type Verdict } from '../decide/decide.ts';
import { type Authorizer, whoHasSpoken } from '../decide/spoken.ts';
import { checkPolicies } from './check-policies.ts';
import type { Execution, Facts } from './facts.ts';
import { loadPolicies } from './load-policies.ts';

const folder = fileURLToPath(new URL('../../examples/policies-maintenance', import.meta.url));
const site = {
	parties: ['HSO', 'CP', 'SI'],
	externalSources: ['Servers', 'PDU'],
	units: new Map([['External.PDU.Outlets.Power', 'W']]),
};
const policies = await loadPolicies({ folder, ...site });

const noon = Date.parse('2026-11-18T11:00:00Z'); // a Wednesday
const night = Date.parse('2026-11-18T22:30:00Z'); // 23:30 in Berlin
interface World {
	readonly time?: number;
	readonly up?: number;
	readonly watts?: number;
	readonly executed?: readonly Execution[];
}

function ask(operation: string, who: string, world: World = {}): Verdict {
	const { time = noon, up = 8, watts = 880, executed = [] } = world;
	const authorizers = who.split(' ').map((name): Authorizer => {
		const party = name.split('-')[0]?.toUpperCase() ?? '';
		return { name, party, person: name };
	});
	const facts: Facts = {
		Request: {
			Method: 'POST',
			Path: '',
			Operation: '',
			Bmc: 'node1',
			Rack: 'rack1',
			Party: authorizers[0]?.party ?? '',
			Operator: authorizers[0]?.name ?? '',
			Body: {},
		},
		Resource: undefined,
		External: {
			Servers: {
				status: 'fresh',
				value: Array.from({ length: 8 }, (_, i) => ({ State: i < up ? 'Up' : 'Down' })),
				asOf: time,
			},
			PDU: { status: 'fresh', value: { Outlets: [{ Id: '1', Power: watts }] }, asOf: time },
		},
		Time: time,
		Executions: executed,
	};
	const operations = policies.operations.filter(({ name }) => name === operation);
	const { parties, lacking } = whoHasSpoken(authorizers, policies.members, 'speaks');
	return decide({ operations, authorizations: parties, lacking, facts });
}
const needs = (verdict: Verdict) => (verdict.kind === 'wait' ? verdict.needs : verdict.kind);
const reset = 'Power on, off, reboot $system';
const did = (ago: number, operation = reset, bmc = 'node2'): Execution => ({
	At: noon - ago,
	Operations: [operation],
	Bmc: bmc,
	Rack: 'rack1',
	Party: 'HSO',
	Operator: 'hso-x',
});

test('the folder is free of mistakes and of warnings', async t => {
	t.deepEqual(await checkPolicies(folder, site), { problems: [], warnings: [] });
});

test('CP resets when two of its operators agree, the feed has room, and it was not done too often', t => {
	t.is(ask(reset, 'cp-ann cp-sue').kind, 'execute');
	t.deepEqual(needs(ask(reset, 'cp-ann', { up: 5 })), [['CP']]);
	t.like(ask(reset, 'cp-ann', { up: 5 }), { lacking: { CP: 'one more of security' } });
	t.is(needs(ask(reset, 'cp-ann cp-sue', { up: 5, watts: 1000 })), 'deny');
	t.is(ask(reset, 'cp-ann cp-sue', { executed: [did(1000)] }).kind, 'execute');
	const often = ask(reset, 'cp-ann cp-sue', { executed: [did(1000), did(9 * 60_000)], up: 5 });
	t.regex(often.kind === 'deny' ? often.reason : '', /EXECUTED\("rack", "10 min"\) is 2/);
});

test('the BMC is rebooted at night and on weekends, not around the end of the year', t => {
	const bmc = 'Reboot the BMC';
	t.is(ask(bmc, 'hso-x', { time: night }).kind, 'execute');
	t.deepEqual(needs(ask(bmc, 'hso-x')), [['CP']]);
	t.is(ask(bmc, 'hso-x', { time: noon + 3 * 86_400_000 }).kind, 'execute', 'Saturday');
	t.deepEqual(needs(ask(bmc, 'hso-x', { time: Date.parse('2026-12-24T22:30:00Z') })), [['CP']]);
});

test('firmware takes two of three in the window, and once a day for each BMC', t => {
	const install = 'Install firmware';
	const world = { time: night };
	t.is(ask(install, 'hso-x cp-ann cp-bob', world).kind, 'execute');
	t.is(ask(install, 'hso-x si-y', world).kind, 'execute');
	t.deepEqual(needs(ask(install, 'hso-x', world)), [['CP'], ['SI']]);
	t.deepEqual(needs(ask(install, 'si-y', { ...world, up: 7 })), [['CP', 'HSO']]);
	t.is(needs(ask(install, 'hso-x si-y')), 'deny');
	const executed = [did(1000, install, 'node1')];
	t.is(needs(ask(install, 'hso-x si-y', { ...world, executed })), 'deny');
});
