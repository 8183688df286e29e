// DMTF's redfishtool, unmodified, through the proxy as an operator of either party.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { testNeeding } from '../debian/test-needing.ts';
import { type ProgramResult, runProgram } from '../run-program.ts';
import { type Site, startSite } from '../site.ts';
import { until } from '../visitor.ts';

const testTool = testNeeding('redfishtool');
const entriesPath = '/redfish/v1/Systems/system/LogServices/EventLog/Entries';
const factoryReset = '/redfish/v1/Managers/bmc/Actions/Manager.ResetToDefaults';

let site: Site;
let folder: string;

test.before(async () => {
	site = await startSite();
	folder = await mkdtemp(path.join(tmpdir(), 'bimetal-redfishtool-'));
	for (const { party, name: user, password } of site.line.operators) {
		// Not on the command line, where every process of the machine could read it.
		await writeFile(path.join(folder, party), JSON.stringify({ user, password }), { mode: 0o600 });
	}
});
test.after.always(async () => {
	await rm(folder, { recursive: true });
	await site?.stop();
});

function redfishtool(party: string, bmc: string, ...args: string[]): Promise<ProgramResult> {
	const url = site.line.bmcs.find(({ name }) => name === bmc)?.url ?? '';
	const common = ['-r', new URL(url).host, '-S', 'Always', '-c', path.join(folder, party)];
	return runProgram('/usr/bin/redfishtool', [...common, ...args]);
}

for (const [party, bmc] of [
	['HSO', 'node1'],
	['CP', 'node2'],
] as const) {
	for (const auth of ['Basic', 'Session']) {
		testTool(`${party} lists the systems and reads the power state (${auth})`, async t => {
			const list = await redfishtool(party, bmc, '-A', auth, 'Systems', 'list');
			t.is(list.code, 0, list.stderr);
			t.true(list.stdout.includes('/redfish/v1/Systems/system'), list.stdout);
			const power = await redfishtool(party, bmc, '-A', auth, 'Systems', '-1', '-P', 'PowerState');
			t.is(power.code, 0, power.stderr);
			t.deepEqual(JSON.parse(power.stdout), { PowerState: 'On' });
		});
	}

	testTool(`${party} resets a server`, async t => {
		const { code, stderr } = await redfishtool(party, bmc, 'Systems', '-1', 'reset', 'GracefulRestart');
		t.is(code, 0, stderr);
	});
}

testTool('CP sets the boot device', async t => {
	const set = await redfishtool('CP', 'node3', 'Systems', '-1', 'setBootOverride', 'Once', 'Pxe');
	t.is(set.code, 0, set.stderr);
	const boot = await redfishtool('CP', 'node3', 'Systems', '-1', '-P', 'Boot');
	const { Boot } = JSON.parse(boot.stdout);
	t.is(Boot.BootSourceOverrideEnabled, 'Once');
	t.is(Boot.BootSourceOverrideTarget, 'Pxe');
});

testTool('HSO reads the Critical entries of the log, CP every entry without Oem', async t => {
	const read = async (party: string) => {
		const { code, stdout, stderr } = await redfishtool(
			party,
			'node4',
			'Systems',
			'-1',
			'Logs',
			'-i',
			'EventLog',
			'-E',
		);
		t.is(code, 0, stderr);
		return JSON.parse(stdout).Members as { Severity: string; Oem?: unknown }[];
	};
	const [own, theirs] = [await read('HSO'), await read('CP')];
	t.true(own.length > 0 && own.every(({ Severity }) => Severity === 'Critical'));
	t.true(theirs.length > own.length && theirs.every(({ Oem }) => (Oem ?? null) === null));
});

testTool('a factory reset waits for CP, and redfishtool waits with it until CP has denied it', async t => {
	const running = redfishtool(
		'HSO',
		'node5',
		'-ssss',
		'-s',
		'raw',
		'POST',
		factoryReset,
		'-d',
		'{"ResetType":"ResetAll"}',
	);
	const cp = site.as('CP');
	const { body } = await until(
		() => cp.get('/p2c/v1/requests?state=waiting&bmc=node5'),
		({ body }) => body.requests?.length === 1,
	);
	const denied = await cp.post(`/p2c/v1/requests/${body.requests[0].id}/deny`, { reason: 'not this one' });
	t.is(denied.status, 200);
	const { code, stdout } = await running;
	t.not(code, 0);
	t.true(stdout.includes('202'), stdout);
});

testTool(
	'with five servers up its reset is accepted, executed once CP approves, and it ends well',
	async t => {
		for (const bmc of ['node6', 'node7', 'node8']) {
			t.is((await redfishtool('CP', bmc, 'Systems', '-1', 'reset', 'ForceOff')).code, 0);
		}
		const cp = site.as('CP');
		const servers = await until(
			() => cp.get('/p2c/v1/bmcs'),
			({ status }) => status === 200,
		);
		t.is(servers.body.bmcs.length, 8);
		await until(
			async () => {
				// Not blocking: 202 leaves a Location only once the proxy sees five servers.
				const tried = await redfishtool('HSO', 'node6', '-N', '-ssss', 'Systems', '-1', 'reset', 'ForceOff');
				return tried.stdout;
			},
			stdout => /status_code: 202/.test(stdout),
		);
		const running = redfishtool('HSO', 'node1', 'Systems', '-1', 'reset', 'ForceRestart');
		const { body } = await until(
			() => cp.get('/p2c/v1/requests?state=waiting&bmc=node1'),
			({ body }) => body.requests?.length === 1,
		);
		const [{ id, digest }] = body.requests;
		t.is((await cp.post(`/p2c/v1/requests/${id}/approve`, { digest })).status, 200);
		const { code, stderr } = await running;
		t.is(code, 0, stderr);
	},
);

testTool('HSO sets the boot device of a server that is off, as cp.pre allows', async t => {
	const { code, stderr } = await redfishtool(
		'HSO',
		'node8',
		'Systems',
		'-1',
		'setBootOverride',
		'Once',
		'Pxe',
	);
	t.is(code, 0, stderr);
});

testTool('what is refused is refused with a message that it shows', async t => {
	const unknown = await redfishtool('HSO', 'node1', '-sssss', 'raw', 'GET', '/redfish/v1/NoSuchThing');
	t.not(unknown.code, 0);
	t.regex(`${unknown.stdout}${unknown.stderr}`, /status_code: 403/);
	t.regex(unknown.stdout, /unknown is denied/);

	const hidden = await redfishtool('HSO', 'node1', 'raw', 'GET', `${entriesPath}/nothing-of-this-name`);
	t.not(hidden.code, 0);
	t.regex(`${hidden.stdout}${hidden.stderr}`, /status_code: 404/);

	await writeFile(path.join(folder, 'nobody'), JSON.stringify({ user: 'nobody', password: 'wrong' }));
	const stranger = await redfishtool('nobody', 'node1', 'Systems', 'list');
	t.not(stranger.code, 0);
	t.regex(`${stranger.stdout}${stranger.stderr}`, /status_code: 401/);
});
