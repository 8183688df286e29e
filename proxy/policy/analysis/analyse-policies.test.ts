import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { bmcForTest } from '../../../qemu/bmc/test-bmc.ts';
import { loadPolicies } from '../load-policies.ts';
import { analysePolicies } from './analyse-policies.ts';
import { requestOf } from './sample-request.ts';
import { servedRequests, servedRoutes } from './served-requests.ts';

const site = { parties: ['HSO', 'CP'], externalSources: ['Servers', 'PDU'] };
const folderOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));

async function findings(
	t: ExecutionContext,
	rows: readonly string[],
	policies: Readonly<Record<string, string>> = {},
	served: readonly string[] = [],
): Promise<readonly string[]> {
	const folder = await mkdtemp(join(tmpdir(), 'analysis-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const table = rows.map(row => {
		const [name, match, p2c] = row.split(' | ');
		return `- {type: X, operation: ${name}, description: d, match: '${match}', p2c: ${p2c}}\n`;
	});
	await writeFile(join(folder, 'operations.yaml'), table.join(''));
	for (const [party, text] of Object.entries(policies)) {
		await mkdir(join(folder, party));
		await writeFile(join(folder, party, 'x.yaml'), text);
	}
	const analysis = analysePolicies(await loadPolicies({ folder, ...site }), {
		parties: site.parties,
		served: served.map(path => requestOf('GET', path.split('/'), undefined)),
	});
	t.deepEqual(analysis.undecided, []);
	return analysis.findings.map(
		({ level, kind, message, example }) => `${level} ${kind}: ${message} [${example.join(' | ')}]`,
	);
}

test('the shipped policies: nothing to mend, and nothing left open', async t => {
	const set = await loadPolicies({ folder: folderOf('../../../policies'), ...site });
	const {
		findings: found,
		undecided,
		questions,
	} = analysePolicies(set, {
		parties: site.parties,
		served: servedRequests,
	});
	t.deepEqual(
		found.filter(({ level }) => level === 'warning'),
		[],
	);
	t.deepEqual(undecided, []);
	t.true(questions > 20);
});

test('what OpenBMC serves, as the analysis has it, is what the emulated BMC serves', async t => {
	const golden = await readFile(folderOf('../../../qemu/bmc/privileges.golden.txt'), 'utf8');
	const routes = golden
		.split('\n')
		.map(line => line.split(': nobody')[0] ?? '')
		.filter(route => route.includes(' /redfish') && !route.startsWith('HEAD'));
	const { bmc } = await bmcForTest(t);
	t.deepEqual([...servedRoutes].sort(), [...routes, ...bmc.sockets].sort());
});

test('a rule that never applies, and one that always does', async t => {
	const row = 'A | GET /redfish/v1/A | (HSO and cp) or (CP and hso)';
	const found = await findings(t, [row], {
		cp: 'A:\n  cp.pre: COUNT(External.Servers)>3 and COUNT(External.Servers)<2\n',
		hso: 'A:\n  hso.pre: Resource.A==1 or Resource.A!=1\n',
	});
	t.is(found.length, 3);
	t.regex(
		found[0] ?? '',
		/never-holds: "A": cp\.pre can never hold \[no facts give COUNT\(External\.Servers\)>3 and/,
	);
	t.regex(
		found[1] ?? '',
		/always-holds: "A": hso\.pre holds whenever it can be decided.* Resource = \{"A":1\}|always-holds.*Resource = /,
	);
	t.regex(found[2] ?? '', /warning one-party-alone: "A": CP alone can do it.*hso\.pre always holds/);
});

test('`true` and a post alone are meant like that', async t => {
	const found = await findings(t, ['A | GET /redfish/v1/A | (HSO and cp) or (CP and hso)'], {
		cp: 'A:\n  cp.pre: true\n',
		hso: 'A:\n  hso.post: LogEntry.Oem := null\n',
	});
	t.deepEqual(found, [
		'note one-party-alone: "A": HSO alone can do it, though every clause names two parties: cp.pre is true [GET /redfish/v1/A by HSO executes under "HSO and cp"]',
		'note one-party-alone: "A": CP alone can do it, though every clause names two parties: hso.pre states no condition [GET /redfish/v1/A by CP executes under "CP and hso"]',
	]);
	t.deepEqual(await findings(t, ['A | GET /redfish/v1/A | HSO and CP']), []);
});

test('a weaker row that takes requests from a stricter one', async t => {
	const strict = 'A | GET /redfish/v1/Managers/{manager}/Truststore/Certificates | HSO and CP';
	const [found, ...more] = await findings(t, [strict, 'B | GET /redfish/v1/Managers/bmc/** | HSO or CP']);
	t.deepEqual(more, []);
	t.regex(
		found ?? '',
		/weaker-row: "B" \(HSO or CP\) takes requests from "A" \(HSO and CP\), which HSO alone cannot make \[GET \/redfish\/v1\/Managers\/bmc\/Truststore\/Certificates/,
	);
	// The stricter row is the more specific one: nothing is taken.
	t.deepEqual(await findings(t, [strict, 'B | GET /redfish/v1/Managers/{manager}/** | HSO or CP']), []);
});

test('a request that is served and has no row', async t => {
	const served = ['redfish/v1/A', 'redfish/v1/B'];
	const [found, ...more] = await findings(t, ['A | GET /redfish/v1/A | HSO or CP'], {}, served);
	t.deepEqual(more, []);
	t.regex(
		found ?? '',
		/^warning no-row: no row covers GET \/redfish\/v1\/B, which OpenBMC serves \[it is denied/,
	);
	t.regex(found ?? '', / match: GET \/redfish\/v1\/B /);
});
