// examples/ironic/policies: what a tenant's own Ironic may, and when it may nothing any more.
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { decide, type Verdict } from '../decide/decide.ts';
import { whoHasSpoken } from '../decide/spoken.ts';
import { checkPolicies } from './check-policies.ts';
import type { ExternalValue, Facts } from './facts.ts';
import { loadPolicies } from './load-policies.ts';

const folder = fileURLToPath(new URL('../../examples/ironic/policies', import.meta.url));
const site = {
	parties: ['HSO', 'CP', 'RED'],
	externalSources: ['Red', 'PDU'],
	units: new Map([['External.PDU.Outlets.Power', 'W']]),
};
const policies = await loadPolicies({ folder, ...site });
const [power, boot, look, console] = [
	'Power on, off, reboot $system',
	'Set the boot device of $system',
	'Look at a node',
	'Open the serial console',
];

interface World {
	/** The nodes that are red's to manage; null: hil does not answer. */
	readonly red?: readonly string[] | null;
	readonly watts?: number;
	readonly state?: 'On' | 'Off';
	/** Who has approved besides. */
	readonly approved?: string;
}

/** What comes of an operation on node1: executed, denied, or whom it waits for. */
function ask(operation: string, Party: string, world: World = {}): string {
	const { red = ['node1'], watts = 400, state = 'On', approved } = world;
	const asOf = 0;
	const Red: ExternalValue =
		red === null
			? { status: 'unavailable', reason: 'no answer' }
			: { status: 'fresh', value: red.map(Node => ({ Node })), asOf };
	const facts: Facts = {
		Request: {
			...{ Method: 'POST', Path: '', Operation: operation, Bmc: 'node1', Rack: 'rack1', Body: {} },
			...{ Party, Operator: Party },
		},
		Resource: { PowerState: state },
		External: { Red, PDU: { status: 'fresh', value: { Outlets: [{ Power: watts }] }, asOf } },
		Time: 0,
		Executions: [],
	};
	const authorizers = [Party, ...(approved ? [approved] : [])].map(party => ({
		...{ name: party, party, person: party },
	}));
	const operations = policies.operations.filter(({ name }) => name === operation);
	const { parties, lacking } = whoHasSpoken(authorizers, policies.members, 'speaks');
	const verdict: Verdict = decide({ operations, authorizations: parties, lacking, facts });
	return verdict.kind === 'wait'
		? verdict.needs.map(needs => needs.join(' and ')).join(' or ')
		: verdict.kind;
}

test('the folder is free of mistakes and of warnings', async t => {
	t.deepEqual(await checkPolicies(folder, site), { problems: [], warnings: [] });
});

test('red powers, boots and looks at what is red’s; above the site’s limit the site is asked', t => {
	for (const operation of [power, boot, look]) t.is(ask(operation, 'RED'), 'execute', operation);
	t.is(ask(power, 'RED', { watts: 1000 }), 'HSO');
	t.is(ask(power, 'RED', { watts: 1000, approved: 'HSO' }), 'execute');
	t.is(ask(boot, 'RED', { watts: 1000 }), 'execute');
});

test('what is not red’s, or not any more, is denied and never put to anybody; so is all while hil is away', t => {
	for (const red of [[], ['node2'], null]) {
		for (const operation of [power, boot, look])
			for (const watts of [400, 1000])
				for (const approved of ['', 'HSO', 'CP'])
					t.is(ask(operation, 'RED', { red, watts, approved }), 'deny', `${operation} ${red} ${approved}`);
	}
});

test('the other parties are as before, whether hil answers or not, and red has no part in consoles', t => {
	for (const red of [['node1'], [], null]) {
		for (const operation of [power, boot, look]) t.is(ask(operation, 'CP', { red }), 'execute');
		t.is(ask(power, 'CP', { red, watts: 1000 }), 'HSO');
		t.is(ask(look, 'HSO', { red }), 'execute');
		t.is(ask(power, 'HSO', { red, state: 'Off' }), 'execute');
		t.is(ask(power, 'HSO', { red }), 'deny');
		t.is(ask(console, 'CP', { red }), 'HSO');
	}
	t.is(ask(console, 'RED', { approved: 'CP' }), 'HSO');
});
