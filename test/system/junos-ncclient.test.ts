// ncclient of Debian, unmodified and with its device handler for Junos, against the simulator that the driver for
// Junos is tested with: what a client that we did not write takes for a Junos switch.
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import {
	type JunosSimulatorOptions,
	startJunosSimulator,
} from '../../hil/switches/junos/simulator/simulator.fixture.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { runProgram } from '../run-program.ts';

const testNcclient = testNeeding('python3-ncclient');
const client = fileURLToPath(new URL('junos-client.py', import.meta.url));

type Handler = 'junos' | 'default';
type Step = readonly [name: string, step: string, ...rest: string[]];
/** What came of a step: `ok`, what is shown, or what the switch has against it. */
type Seen = Record<string, unknown>;

async function ncclient(
	t: ExecutionContext,
	handler: Handler,
	options: JunosSimulatorOptions,
	...steps: Step[]
): Promise<{ seen: Seen; simulator: Awaited<ReturnType<typeof startJunosSimulator>> }> {
	const simulator = await startJunosSimulator(options);
	t.teardown(simulator.close);
	const order = {
		handler,
		port: simulator.ssh.port,
		username: simulator.username,
		password: simulator.password,
		hostkey: simulator.ssh.knownHostsLine.split(' ')[2],
		steps,
	};
	// Debian's own Python: another one on the PATH does not know Debian's packages.
	const { code, stdout, stderr } = await runProgram('/usr/bin/python3', [client], {
		input: JSON.stringify(order),
	});
	if (code !== 0) throw new Error(`junos-client.py ended with ${code}: ${stderr}`);
	return { seen: JSON.parse(stdout), simulator };
}

const vlan = (id: number): string =>
	`<vlans><vlan><name>v${id}</name><vlan-id>${id}</vlan-id></vlan></vlans>`;
const port = (name: string, inside: string): string =>
	`<interfaces><interface><name>${name}</name>${inside}</interface></interfaces>`;
const access = (id: number): string =>
	`<unit><name>0</name><family><ethernet-switching><vlan><members>${id}</members></vlan></ethernet-switching></family></unit>`;

for (const handler of ['junos', 'default'] as const) {
	for (const isNew of [false, true]) {
		const by = `ncclient (${handler}) over NETCONF ${isNew ? '1.1' : '1.0'}`;

		testNcclient(`${by}: locks, edits, checks, commits and reads`, async t => {
			const { seen, simulator } = await ncclient(
				t,
				handler,
				{ isNew },
				['locked', 'lock'],
				['other locked', 'lock'],
				['other edited', 'edit', vlan(20)],
				['edited', 'edit', vlan(10) + port('ge-0/0/1', access(10))],
				['checked', 'validate'],
				['before', 'show', 'running', '<interfaces/>'],
				['committed', 'commit'],
				['after', 'show', 'running', '<interfaces><interface><name>ge-0/0/1</name></interface></interfaces>'],
				[
					'nothing',
					'show',
					'running',
					'<interfaces><interface><name>ge-0/0/2</name></interface></interfaces>',
				],
				['state', 'rpc', '<get-ethernet-switching-interface-information/>'],
				['unlocked', 'unlock'],
				['other locked then', 'lock'],
			);
			for (const step of ['locked', 'edited', 'checked', 'committed', 'unlocked', 'other locked then'])
				t.is(seen[step], 'ok', step);
			const denied = { tag: 'lock-denied', severity: 'error' };
			t.like(seen['other locked'], denied);
			t.like(seen['other edited'], denied);
			const holder = `configuration database locked by:\\n  hil terminal  \\(pid ${seen.sessions && (seen.sessions as string[])[0]}\\)`;
			t.regex((seen['other locked'] as { message: string }).message, new RegExp(holder));
			t.notRegex(String(seen.before), /ge-0\/0\/1/);
			t.regex(String(seen.after), /ge-0\/0\/1.*<members>10<\/members>/s);
			t.notRegex(String(seen.nothing), /<interface>/);
			t.regex(String(seen.state), /ge-0\/0\/1\.0.*<l2iff-interface-vlan-id>10<.*untagged/s);
			t.deepEqual([...(simulator.device.forwarding.get('ge-0/0/1')?.vlans.keys() ?? [])], [10]);
			t.is(simulator.device.commits, 1);
			t.is(simulator.device.lockedBy, undefined, 'the sessions are over');
			const capabilities = seen.capabilities as string[];
			t.is(capabilities.includes('urn:ietf:params:netconf:base:1.1'), isNew);
		});

		testNcclient(`${by}: is refused what a switch refuses, in the form that it knows`, async t => {
			const { seen, simulator } = await ncclient(
				t,
				handler,
				{ isNew },
				['unlocked', 'unlock'],
				['bad name', 'edit', port('ge-0/0/99', access(10))],
				[
					'no such statement',
					'edit',
					'<interfaces><interface><name>ge-0/0/1</name><wings/></interface></interfaces>',
				],
				['bad VLAN', 'edit', '<vlans><vlan><name>x</name><vlan-id>4095</vlan-id></vlan></vlans>'],
				['undone', 'discard_changes'],
				['unknown VLAN', 'edit', port('ge-0/0/1', access(77))],
				['unknown VLAN checked', 'validate'],
				['unknown VLAN committed', 'commit'],
				['undone again', 'discard_changes'],
				['native', 'edit', vlan(10) + port('ge-0/0/1', `<native-vlan-id>10</native-vlan-id>${access(10)}`)],
				['native committed', 'commit'],
				['other locked', 'lock'],
				['undone at last', 'discard_changes'],
				['same id', 'edit', `${vlan(10)}<vlans><vlan><name>again</name><vlan-id>10</vlan-id></vlan></vlans>`],
				['same id committed', 'commit'],
				['killed', 'kill'],
			);
			const message = (step: string): string => (seen[step] as { message: string }).message;
			t.is(message('unlocked'), 'Configuration database is not open');
			t.regex(message('bad name'), /port value outside range 0\.\.47 for '0\/0\/99' in 'ge-0\/0\/99'/);
			t.is(message('no such statement'), 'syntax error');
			t.is(message('bad VLAN'), 'Value 4095 is not within range (1..4094)');
			for (const step of ['unknown VLAN checked', 'unknown VLAN committed'])
				t.regex(message(step), /No vlan matches vlan tag 77 for interface ge-0\/0\/1\.0/);
			t.regex(message('native committed'), /native-vlan-id can be specified only for trunk interfaces/);
			t.is(message('other locked'), 'configuration database modified');
			t.regex(message('same id committed'), /vlan-id 10 is already used by vlan v10/);
			t.is(seen.killed, 'ok');
			t.is(simulator.device.commits, 0);
		});
	}
}

testNcclient(
	"ncclient's operations of Junos' own: get-configuration, commit-configuration, rollback, private",
	async t => {
		const { seen, simulator } = await ncclient(
			t,
			'junos',
			{},
			['opened', 'rpc', '<open-configuration><private/></open-configuration>'],
			['edited', 'edit', vlan(10)],
			['other edited', 'edit', vlan(20)],
			['too late', 'commit'],
			['other undone', 'rollback'],
			['committed', 'commit'],
			[
				'shown',
				'rpc',
				'<get-configuration database="committed"><configuration><vlans/></configuration></get-configuration>',
			],
			['closed', 'rpc', '<close-configuration/>'],
		);
		t.like(seen['too late'], { message: 'configuration database modified' });
		t.is(seen.committed, 'ok');
		t.regex(String(seen.shown), /<name>v10<\/name>/);
		t.is(simulator.device.commits, 1);
	},
);
