// OpenStack's sushy, unmodified, through the proxy as an operator of either party.
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { testNeeding } from '../debian/test-needing.ts';
import { runProgram } from '../run-program.ts';
import { type Site, startSite } from '../site.ts';
import { until } from '../visitor.ts';

const testSushy = testNeeding('python3-sushy');
const client = fileURLToPath(new URL('sushy-client.py', import.meta.url));

let site: Site;
test.before(async () => {
	site = await startSite();
});
test.after.always(async () => site?.stop());

interface Seen {
	readonly systems?: string[];
	readonly power?: string;
	readonly boot?: string[];
	readonly log?: { Severity: string; Oem?: unknown }[];
	readonly manager?: string;
	readonly chassis?: string[];
	readonly waited?: [boolean, string];
	readonly answer?: number;
	readonly error?: { type: string; text: string };
}

async function sushy(
	party: string,
	bmc: string,
	auth: 'basic' | 'session',
	...steps: string[]
): Promise<Seen> {
	const operator = site.line.operators.find(candidate => candidate.party === party);
	const order = {
		url: site.line.bmcs.find(({ name }) => name === bmc)?.url,
		ca: site.line.ca,
		username: operator?.name ?? party,
		password: operator?.password ?? 'wrong',
		auth,
		steps,
	};
	// Debian's own Python: another one on the PATH does not know Debian's packages.
	// A CA bundle in the environment would take precedence over the one that sushy is given.
	const env = { REQUESTS_CA_BUNDLE: site.line.ca, CURL_CA_BUNDLE: site.line.ca };
	const { code, stdout, stderr } = await runProgram('/usr/bin/python3', [client], {
		input: JSON.stringify(order),
		env,
	});
	if (code !== 0) throw new Error(`sushy-client.py ended with ${code}: ${stderr}`);
	return JSON.parse(stdout);
}

for (const [party, auth, bmc] of [
	['HSO', 'basic', 'node1'],
	['HSO', 'session', 'node2'],
	['CP', 'basic', 'node6'],
	['CP', 'session', 'node7'],
] as const) {
	testSushy(
		`${party} lists systems, chassis and manager, reads the power state, resets (${auth})`,
		async t => {
			const { error, ...seen } = await sushy(party, bmc, auth, 'manager', 'chassis', 'reset');
			t.is(error, undefined);
			t.deepEqual(seen.systems, ['/redfish/v1/Systems/system']);
			t.is(seen.power, 'On');
			t.is(seen.manager, 'BMC');
			t.true((seen.chassis?.length ?? 0) > 0);
		},
	);
}

testSushy('CP sets the boot device', async t => {
	const { error, boot } = await sushy('CP', 'node3', 'session', 'boot');
	t.is(error, undefined);
	t.deepEqual(boot, ['Once', 'Pxe']);
});

testSushy('HSO reads the Critical entries of the log, CP every entry without Oem', async t => {
	const [own, theirs] = [
		await sushy('HSO', 'node4', 'session', 'log'),
		await sushy('CP', 'node4', 'basic', 'log'),
	];
	t.is(own.error, undefined);
	t.is(theirs.error, undefined);
	t.true(own.log?.length !== 0 && own.log?.every(({ Severity }) => Severity === 'Critical'));
	t.true((theirs.log?.length ?? 0) > (own.log?.length ?? 0));
	t.true(theirs.log?.every(({ Oem }) => (Oem ?? null) === null));
});

testSushy('its task monitor waits until the other party has approved, and has the BMC’s answer', async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-sushy-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const looked = path.join(folder, 'looked');
	const asked = sushy('HSO', 'node8', 'session', `factory-reset ${looked}`);
	const cp = site.as('CP');
	const waiting = () => cp.get('/p2c/v1/requests?state=waiting&bmc=node8');
	const found = await until(waiting, ({ body }) => body.requests.length > 0);
	const [{ id, digest }] = found.body.requests;
	// Not before sushy has seen that it waits.
	await until(
		async () => existsSync(looked),
		isThere => isThere,
	);
	const approved = await cp.post(`/p2c/v1/requests/${id}/approve`, { digest });
	t.is(approved.body.state, 'executed', JSON.stringify(approved.body));
	const { error, waited, answer } = await asked;
	t.is(error, undefined);
	t.deepEqual(waited, [true, 'Pending']);
	t.is(answer, approved.body.outcome.status);
});

testSushy('its task monitor waits for the approval, and then for the task that the BMC began', async t => {
	const asked = sushy('HSO', 'node7', 'basic', 'dump');
	const cp = site.as('CP');
	const waiting = () => cp.get('/p2c/v1/requests?state=waiting&bmc=node7');
	const found = await until(waiting, ({ body }) => body.requests.length > 0);
	const [{ id, digest }] = found.body.requests;
	const approved = await cp.post(`/p2c/v1/requests/${id}/approve`, { digest });
	t.is(approved.body.outcome.status, 202, 'the BMC has begun a task');
	const { error, answer } = await asked;
	t.is(error, undefined);
	t.is(answer, 204, 'what bmcweb’s task monitor gives in the end');
	t.is((await cp.get(`/p2c/v1/requests/${id}`)).body.outcome.status, 204);
});

testSushy('what is refused is refused with a message that it shows', async t => {
	const unknown = await sushy('HSO', 'node5', 'basic', '/redfish/v1/NoSuchThing');
	t.is(unknown.error?.type, 'AccessError');
	t.regex(unknown.error?.text ?? '', /unknown is denied/);

	const stranger = await sushy('nobody', 'node5', 'basic');
	t.is(stranger.error?.type, 'AccessError');
});
