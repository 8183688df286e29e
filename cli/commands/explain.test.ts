import type { ExplanationView } from '../../proxy/client.ts';
import { testWithSite } from '../test-site.ts';

const test = testWithSite();

const waiting: ExplanationView = {
	bmc: 'node1',
	method: 'POST',
	path: '/redfish/v1/Systems/system/Actions/ComputerSystem.Reset',
	as: 'HSO',
	policyVersion: 'cd'.repeat(32),
	verdict: 'wait',
	summary: 'It would wait for CP.',
	needs: [['CP']],
	lacking: {},
	unknown: null,
	rows: [
		{
			operation: 'Power on, off, reboot $system',
			pattern: 'POST /redfish/v1/Systems/{system}/Actions/ComputerSystem.Reset',
			properties: null,
			p2c: '(HSO and cp) or (CP and hso)',
			handledBy: 'bmc',
			clauses: [
				{
					clause: 'HSO and cp',
					outcome: 'fails',
					terms: [
						{ term: 'HSO', holds: true, why: 'HSO asks for it' },
						{ term: 'cp', holds: false, why: 'CP does not say why' },
					],
					posts: [],
				},
				{
					clause: 'CP and hso',
					outcome: 'waits',
					terms: [
						{ term: 'CP', holds: false, why: 'CP has not authorized it' },
						{ term: 'hso', holds: true, why: 'SUM(External.PDU.Outlets.Power)<1000 holds' },
					],
					posts: [{ party: 'HSO', rule: 'LogEntry.Oem* := null' }],
				},
			],
			policies: [
				{ party: 'CP', expression: '(private)', holds: false, reason: 'CP does not say why', values: [] },
				{
					party: 'HSO',
					expression: 'SUM(External.PDU.Outlets.Power)<1000',
					holds: true,
					reason: 'SUM(External.PDU.Outlets.Power)<1000 holds',
					values: [{ expression: 'SUM(External.PDU.Outlets.Power)', value: 880, unit: 'W' }],
				},
			],
		},
	],
};

test('explain prints the derivation, sends nothing to the BMC, and exits like the call would', async t => {
	const { proxy, terminal } = t.context;
	proxy.handle = call =>
		call.url === '/p2c/v1/explain' ? { status: 200, body: waiting } : { status: 500, body: {} };
	const line = [
		'explain',
		'post',
		'Systems/system/Actions/ComputerSystem.Reset',
		'--bmc',
		'node1',
		'--as',
		'hso',
	];
	const ran = await terminal().run(...line, '-d', '{"ResetType":"On"}', '--by', 'cp');
	t.is(ran.code, 4, ran.err);
	t.snapshot(ran.out, 'explain');
	t.deepEqual(proxy.calls.at(-1)?.body, {
		bmc: 'node1',
		method: 'POST',
		path: waiting.path,
		body: { ResetType: 'On' },
		as: 'CP',
	});
	t.deepEqual(JSON.parse((await terminal().run(...line, '--json')).out), waiting);
	proxy.handle = () => ({ status: 200, body: { ...waiting, verdict: 'deny', rows: [], unknown: 'no row' } });
	t.is((await terminal().run(...line)).code, 3);
	t.is((await terminal().run('explain', 'FETCH', 'Systems', '--bmc', 'node1', '--as', 'hso')).code, 2);
});
