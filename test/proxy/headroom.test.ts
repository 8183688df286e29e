// A shared quantity under real concurrency: what was let through is counted before any sensor shows it.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { reservationRules } from '../../proxy/external/reservation-rules.ts';
import { loadPolicies } from '../../proxy/policy/load-policies.ts';
import { parties, startTestProxy, type TestProxy } from './start-proxy.ts';

const reset = '/redfish/v1/Systems/system/Actions/ComputerSystem.Reset';
const cycle = '/redfish/v1/Chassis/chassis/Actions/Chassis.Reset';
const table = `
- type: Operation
  operation: Reset
  description: Whoever resets a server needs room on the feed
  match: POST /redfish/v1/Systems/{system}/Actions/ComputerSystem.Reset
  p2c: (HSO or CP) and hso
- type: Operation
  operation: Cycle
  description: Both parties, and room on the feed
  match: POST /redfish/v1/Chassis/{chassis}/Actions/Chassis.Reset
  p2c: HSO and CP and hso
- type: Operation
  operation: Limited
  description: Not too often
  match: PATCH /redfish/v1/Systems/{system}
  p2c: (HSO or CP) and cp
`;
const room = 'SUM(External.PDU.Outlets.Power)<1000';

let site: TestProxy;
test.before(async () => {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-headroom-'));
	try {
		for (const party of ['hso', 'cp']) await mkdir(path.join(folder, party));
		await writeFile(path.join(folder, 'operations.yaml'), table);
		await writeFile(
			path.join(folder, 'hso', 'power.yaml'),
			`Reset:\n  hso.pre: ${room}\nCycle:\n  hso.pre: ${room}\n`,
		);
		await writeFile(
			path.join(folder, 'cp', 'limits.yaml'),
			'Limited:\n  cp.pre: EXECUTED("site", "10 min") < 3\n',
		);
		const units = new Map([['External.PDU.Outlets.Power', 'W']]);
		const externalSources = ['Servers', 'PDU'];
		const policies = await loadPolicies({ folder, parties: [...parties], externalSources, units });
		const rules = reservationRules.parse({
			field: 'Power',
			row: 'Id',
			operations: [
				{
					operation: ['Reset', 'Cycle'],
					when: 'not (Request.Body.ResetType == "ForceOff")',
					add: 100,
					atMost: '30s',
				},
			],
		});
		site = await startTestProxy({ policies, reserved: { PDU: { rules, under: 'Outlets', unit: 'W' } } });
	} finally {
		await rm(folder, { recursive: true });
	}
});
test.after.always(() => site?.close());

const nodes = ['node1', 'node2', 'node3'] as const;
/** 900 W of 1000 W, and no sensor shows what is going on. */
const quiet = () => nodes.map(Id => ({ Id, Power: 300 }));
/** Requests that reached a BMC with this path. */
const arrived = (target: string) =>
	nodes.reduce((sum, node) => sum + site.spies[node].received().split(`POST ${target} `).length - 1, 0);
const restart = (who: string, node: string, ResetType = 'ForceRestart') =>
	site.at(who, node)('POST', reset, { body: { ResetType } });
const settle = () => site.clock.advance(31_000);
const turn = () => new Promise<void>(resolve => setImmediate(resolve));

test.serial(
	'two resets at once at 900 W of 1000 W do not both pass, whoever asks, in whichever rack',
	async t => {
		site.world.outlets = quiet();
		// Readings that take their time, so that every request has looked before any is decided on.
		site.world.whileReading = async () => {
			for (let i = 0; i < 5; i++) await turn();
		};
		for (let round = 0; round < 25; round++) {
			const before = arrived(reset);
			const answers = await Promise.all([
				restart('hso-operator', nodes[round % 3] ?? ''),
				restart('cp-operator', nodes[(round + 1) % 3] ?? ''),
				restart('cp-two', nodes[(round + 2) % 3] ?? ''),
				restart('hso-two', 'node3'),
			]);
			const statuses = answers.map(({ status }) => status).sort();
			t.deepEqual(statuses, [204, 403, 403, 403]);
			t.is(arrived(reset) - before, 1);
			const refused = answers.find(({ status }) => status === 403);
			t.regex(
				refused?.whole ?? '',
				/SUM\(External\.PDU\.Outlets\.Power\) is 1000 W, with 100 W reserved for node\d/,
			);
			settle();
		}
		site.world.whileReading = async () => {};
	},
);

test.serial('the same across requests that waited: approvals and resets at once', async t => {
	site.world.outlets = quiet();
	for (let round = 0; round < 12; round++) {
		const held = await Promise.all(
			nodes.map(async node => {
				const answer = await site.at('hso-operator', node)('POST', cycle, {
					body: { ResetType: 'PowerCycle' },
				});
				t.is(answer.status, 202);
				return { id: answer.json.Id, digest: answer.json.Oem.Bimetal.Digest };
			}),
		);
		const before = arrived(cycle) + arrived(reset);
		const approve = ({ id, digest }: { id: string; digest: string }) =>
			site.ask('cp-operator', 'POST', `/p2c/v1/requests/${id}/approve`, { body: { digest } });
		const work = [...held.map(each => () => approve(each)), () => restart('hso-operator', 'node2')];
		const turned = [...work.slice(round % 4), ...work.slice(0, round % 4)];
		await Promise.all(turned.map(each => each()));
		t.is(arrived(cycle) + arrived(reset) - before, 1, `round ${round}`);
		const states = await Promise.all(
			held.map(async ({ id }) => (await site.ask('cp-operator', 'GET', `/p2c/v1/requests/${id}`)).json.state),
		);
		t.true(
			states.every(state => ['executed', 'denied'].includes(state)),
			states.join(),
		);
		settle();
	}
});

test.serial('what turns a server off reserves nothing', async t => {
	site.world.outlets = quiet();
	t.is((await restart('hso-operator', 'node1', 'ForceOff')).status, 204);
	t.is((await restart('hso-operator', 'node2', 'ForceRestart')).status, 204);
	t.is((await restart('hso-operator', 'node3', 'ForceRestart')).status, 403);
	settle();
	t.is((await restart('hso-operator', 'node1', 'On')).status, 204);
	settle();
});

test.serial('once the sensor shows it, the reservation is over', async t => {
	site.world.outlets = quiet();
	t.is((await restart('hso-operator', 'node2')).status, 204);
	site.clock.advance(1000);
	site.world.outlets = quiet().map(each => (each.Id === 'node2' ? { ...each, Power: 400 } : each));
	t.is((await restart('hso-operator', 'node3')).status, 403, 'the reading itself says 1000 W');
	site.world.outlets = quiet();
	site.clock.advance(1000);
	t.is((await restart('hso-operator', 'node3')).status, 204, 'shown, and gone again');
	settle();
});

test.serial('what certainly was not executed is free again; a denial of the BMC too', async t => {
	site.world.outlets = quiet();
	const wrong = await restart('hso-operator', 'node1', 'NoSuchType');
	t.is(wrong.status, 400, wrong.whole);
	t.is((await restart('cp-operator', 'node2')).status, 204);
	settle();
});

test.serial('a rate is kept by requests at once: the fourth is one too many', async t => {
	const patch = (who: string, node: string) =>
		site.at(who, node)('PATCH', '/redfish/v1/Systems/system', { body: { AssetTag: 'x' } });
	for (let round = 0; round < 5; round++) {
		const who = ['hso-operator', 'cp-operator', 'hso-two', 'cp-two', 'hso-operator', 'cp-operator'];
		const answers = await Promise.all(who.map((name, i) => patch(name, nodes[i % 3] ?? '')));
		const passed = answers.filter(({ status }) => status !== 403);
		t.is(passed.length, 3);
		const refused = answers.find(({ status }) => status === 403);
		t.regex(refused?.whole ?? '', /EXECUTED\(\\\\\\"site\\\\\\", \\\\\\"10 min\\\\\\"\) is 3|is 3/);
		site.clock.advance(9 * 60_000);
		t.is((await patch('cp-two', 'node1')).status, 403, 'the window slides, it does not start anew');
		site.clock.advance(60_000);
	}
});
