// The README's first screen as a new user lives it: the slides' four rows through `bimetal up`, by plain HTTP.
import { randomUUID } from 'node:crypto';
import test from 'ava';
import { type Site, startSite } from '../site.ts';
import { until, type Visitor } from '../visitor.ts';

const system = '/redfish/v1/Systems/system';
const reset = `${system}/Actions/ComputerSystem.Reset`;
const factoryReset = '/redfish/v1/Managers/bmc/Actions/Manager.ResetToDefaults';
const entries = `${system}/LogServices/EventLog/Entries`;

let site: Site;
let hso: Visitor;
let cp: Visitor;

test.before(async () => {
	site = await startSite();
	hso = site.as('HSO', 'node1');
	cp = site.as('CP', 'node1');
});
test.after.always(async () => site?.stop('SIGINT'));

const view = async (visitor: Visitor, id: string) => (await visitor.get(`/p2c/v1/requests/${id}`)).body;
/** The request's id, from the Location of its TaskMonitor. */
const idOf = (location: unknown) => String(location).split('/').at(-1) ?? '';

test.serial('eight servers are up, each behind a port of its own', async t => {
	t.is(site.line.bmcs.length, 8);
	for (const { name } of site.line.bmcs) {
		const { status, body } = await site.as('HSO', name).get(system);
		t.is(status, 200);
		t.is(body.PowerState, 'On', name);
	}
});

test.serial('an operator who is not logged in is asked for it, and a wrong password is refused', async t => {
	const { url } = site.line.bmcs[0] ?? t.fail();
	const { createVisitor } = await import('../visitor.ts');
	const stranger = createVisitor({ url, ca: site.ca, username: 'hso-operator', password: randomUUID() });
	const { status, headers, body } = await stranger.get(system);
	await stranger.close();
	t.is(status, 401);
	t.regex(String(headers['www-authenticate']), /Basic/);
	t.truthy(body.error['@Message.ExtendedInfo'][0].MessageId);
});

test.serial('HSO resets a server at once while cp.pre holds: six or more are up', async t => {
	const { status, headers } = await hso.post(reset, { ResetType: 'GracefulRestart' });
	t.true([200, 204].includes(status), `${status}`);
	t.is(headers.location, undefined);
	await until(
		() => hso.get(system),
		({ body }) => body.PowerState === 'On',
	);
});

test.serial('HSO reads the Critical entries of the event log only, CP all of them without Oem', async t => {
	const own = await hso.get(entries);
	const theirs = await cp.get(entries);
	t.is(own.status, 200);
	t.is(theirs.status, 200);
	t.true(own.body.Members.length > 0);
	t.true(theirs.body.Members.length > own.body.Members.length);
	t.is(own.body['Members@odata.count'], own.body.Members.length);
	t.is(theirs.body['Members@odata.count'], theirs.body.Members.length);
	for (const entry of own.body.Members) t.is(entry.Severity, 'Critical');
	t.true(own.body.Members.some((entry: object) => 'Oem' in entry && entry.Oem !== null));
	for (const entry of theirs.body.Members) t.true(entry.Oem === undefined || entry.Oem === null);

	// One by one they are no different: what the list hides does not exist.
	const hidden = theirs.body.Members.find((entry: { Severity: string }) => entry.Severity !== 'Critical');
	t.is((await cp.get(hidden['@odata.id'])).body.Oem ?? null, null);
	t.is((await hso.get(hidden['@odata.id'])).status, 404);
});

test.serial('a chassis shows its Certificates to HSO, and null to CP', async t => {
	const { body: collection } = await hso.get('/redfish/v1/Chassis');
	const path = collection.Members[0]['@odata.id'];
	const own = await hso.get(path);
	const theirs = await cp.get(path);
	t.is(own.status, 200);
	t.truthy(own.body.Certificates);
	t.is(theirs.status, 200);
	t.is(theirs.body.Certificates, null);
});

for (const [first, second] of [
	['HSO', 'CP'],
	['CP', 'HSO'],
] as const) {
	test.serial(`a factory reset asked for by ${first} waits for ${second}`, async t => {
		const asker = site.as(first, 'node8');
		const { status, headers, body } = await asker.post(factoryReset, { ResetType: 'ResetAll' });
		t.is(status, 202);
		t.regex(body['@odata.type'], /^#Task\./);
		t.true(JSON.stringify(body.Messages ?? body).includes(second), 'the task says who is still needed');
		const id = idOf(headers.location);
		const main = site.as(second);
		const request = await view(main, id);
		t.is(request.state, 'waiting');
		t.deepEqual(request.needs, [[second]]);

		// Its own party's word again is not a second person's.
		const self = await site.as(first).post(`/p2c/v1/requests/${id}/approve`, { digest: request.digest });
		t.true(self.status >= 400);
		const wrong = await main.post(`/p2c/v1/requests/${id}/approve`, { digest: '0'.repeat(64) });
		t.is(wrong.status, 409);
		t.is((await view(main, id)).state, 'waiting');

		const denied = await main.post(`/p2c/v1/requests/${id}/deny`, { reason: 'not today' });
		t.is(denied.status, 200);
		const answer = await asker.get(String(headers.location));
		t.is(answer.status, 403);
		t.true(JSON.stringify(answer.body).includes('not today'));
	});
}

test.serial('with five servers up the same reset waits for CP, whose approval executes it', async t => {
	for (const name of ['node6', 'node7', 'node8']) {
		const { status, body } = await site.as('CP', name).post(reset, { ResetType: 'ForceOff' });
		t.true([200, 204].includes(status), `${name}: ${status} ${JSON.stringify(body)}`);
	}
	const waiting = await hso.post(reset, { ResetType: 'ForceRestart' });
	t.is(waiting.status, 202);
	t.regex(waiting.body['@odata.type'], /^#Task\./);
	const monitor = String(waiting.headers.location);
	const id = idOf(monitor);
	const before = await hso.get(monitor);
	t.is(before.status, 202);

	const main = site.as('CP');
	const request = await view(main, id);
	t.deepEqual(request.requester, { name: 'hso-operator', party: 'HSO' });
	t.is(request.bmc, 'node1');
	t.is(request.path, reset);
	t.deepEqual(request.body, { ResetType: 'ForceRestart' });
	t.deepEqual(request.needs, [['CP']]);
	const failing = request.policies.find((policy: { holds: boolean }) => !policy.holds);
	t.is(failing.expression, 'COUNT(External.Servers.State=="Up")>=6');
	t.regex(failing.reason, /is 5/);

	const { status, body } = await main.post(`/p2c/v1/requests/${id}/approve`, {
		digest: request.digest,
		comment: 'seen',
	});
	t.is(status, 200, JSON.stringify(body));
	t.is(body.state, 'executed');
	t.is(body.clause, 'CP and hso');
	t.true(
		body.policies.some(
			(policy: { expression: string; holds: boolean }) =>
				policy.holds && policy.expression === 'SUM(External.PDU.Outlets.Power)<1000',
		),
	);

	const outcome = await hso.get(monitor);
	t.true([200, 204].includes(outcome.status), `${outcome.status}`);
	const others = await cp.get(monitor);
	t.true([403, 404].includes(others.status), `${others.status}: the answer is its requester's alone`);
	const again = await main.post(`/p2c/v1/requests/${id}/approve`, { digest: request.digest });
	t.is(again.status, 200, 'an answer that was lost can be asked for again');
	t.deepEqual(again.body.outcome, body.outcome, 'it is executed once');
});

test.serial('what nobody wrote a row for is denied, and says so', async t => {
	const { status, body } = await hso.get('/redfish/v1/NoSuchThing');
	t.is(status, 403);
	const [message] = body.error['@Message.ExtendedInfo'];
	t.truthy(message.Message);
	t.truthy(message.Resolution);
});

test.serial('the main port reaches each BMC by path prefix, with links that stay under it', async t => {
	const { prefixUrl } = site.line.bmcs[2] ?? t.fail();
	const prefix = new URL(prefixUrl).pathname.replace(/\/$/, '');
	const { status, body } = await site.as('HSO').get(`${prefix}/redfish/v1`);
	t.is(status, 200);
	t.is(body.Systems['@odata.id'], `${prefix}/redfish/v1/Systems`);
});

test.serial('no password is in the log', async t => {
	for (const { password } of site.line.operators) t.false(site.log().includes(password));
});
