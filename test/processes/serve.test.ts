// Several processes are one proxy: what is decided, ended or changed through one holds in all. That everything else
// is as with one process, the tests of test/proxy say, which `npm test` runs with workers as well.
import test from 'ava';
import { createRoster } from '../../proxy/authenticate/roster.ts';
import { compilePolicies } from '../../proxy/policy/load-policies.ts';
import type { Identified, Reply } from '../proxy/ask.ts';
import { entries, parties, startTestProxy, type TestProxy } from '../proxy/start-proxy.ts';

const system = '/redfish/v1/Systems/system';
const chassis = '/redfish/v1/Chassis/chassis';
/** More connections than workers, so that each worker has some of them. */
const many = 8;
const fresh = { headers: { connection: 'close' } };

let site: TestProxy;
test.before(async () => {
	site = await startTestProxy({ workers: 2 });
});
test.after.always(() => site.close());

/** The same from many connections at once, each of them new. */
const everywhere = (who: Identified, target: string, bmc = 'node1'): Promise<Reply[]> =>
	Promise.all(Array.from({ length: many }, () => site.at(who, bmc)('GET', target, fresh)));
const statuses = (replies: readonly Reply[]): number[] => [...new Set(replies.map(({ status }) => status))];

async function logIn(name: string): Promise<{ token: string; location: string }> {
	const body = { UserName: name, Password: `pw-${name}` };
	const reply = await site.at(null)('POST', '/redfish/v1/SessionService/Sessions', { ...fresh, body });
	return { token: String(reply.headers['x-auth-token']), location: String(reply.headers.location) };
}

async function metric(name: string): Promise<number> {
	const text = await (await fetch(`${site.ops}/metrics`)).text();
	const lines = text.split('\n').filter(line => line.startsWith(name));
	return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

test.serial(
	'a session opened in one process works in all, and is over in all once that was answered',
	async t => {
		for (let round = 0; round < 5; round++) {
			const { token, location } = await logIn('hso-operator');
			t.deepEqual(statuses(await everywhere({ token }, chassis)), [200]);
			t.is((await site.at({ token })('DELETE', location, fresh)).status, 204);
			t.deepEqual(statuses(await everywhere({ token }, chassis)), [401]);
		}
	},
);

test.serial('plain reads are decided on in workers, each once on the record before it is sent', async t => {
	const { token } = await logIn('hso-operator');
	await everywhere({ token }, chassis);
	const [handedOver, before] = [await metric('bimetal_handed_over_total'), site.records.length];
	t.deepEqual(statuses(await everywhere({ token }, chassis)), [200]);
	t.is(await metric('bimetal_handed_over_total'), handedOver);
	const records = site.records.slice(before);
	t.is(records.length, many);
	for (const record of records) t.like(record, { kind: 'decision', verdict: 'execute', path: chassis });
});

test.serial('what waits is approved through whichever process, and executed once', async t => {
	const resets = site.bmcs.node2.counts.managerResets;
	const reset = '/redfish/v1/Managers/bmc/Actions/Manager.Reset';
	const how = { ...fresh, body: { ResetType: 'GracefulRestart' } };
	const waits = await site.at('hso-operator', 'node2')('POST', reset, how);
	t.is(waits.status, 202);
	const { Id: id, Oem: oem } = waits.json;
	const approve = () =>
		site.ask('cp-operator', 'POST', `/p2c/v1/requests/${id}/approve`, {
			...fresh,
			body: { digest: oem.Bimetal.Digest },
		});
	await Promise.all([approve(), approve(), approve()]);
	t.is(site.bmcs.node2.counts.managerResets, resets + 1);
	const monitor = String(waits.headers.location);
	t.is((await site.at('cp-operator', 'node2')('GET', monitor, fresh)).status, 404, 'the requester’s alone');
	t.true([200, 204].includes((await site.at('hso-operator', 'node2')('GET', monitor, fresh)).status));
});

test.serial('another version of the policies is in force in all processes once it is taken', async t => {
	const { token } = await logIn('hso-operator');
	const { policies } = site;
	const { sources } = policies;
	if (!sources) return t.fail('these policies come from files');
	const { operations: file } = sources.files;
	const text = file.text.replace(/(operation: Get a \$chassis Chassis[\s\S]*?p2c: ).*/, '$1closed');
	const files = { ...sources.files, operations: { ...file, text }, version: 'closed' };
	const closed = compilePolicies({ ...sources, files });
	for (let round = 0; round < 5; round++) {
		t.deepEqual(statuses(await everywhere({ token }, chassis)), [200]);
		await site.proxy.usePolicies(closed);
		t.deepEqual(statuses(await everywhere({ token }, chassis)), [403]);
		await site.proxy.usePolicies(policies);
	}
	t.deepEqual(statuses(await everywhere({ token }, chassis)), [200]);
});

test.serial('an operator who is removed is out of all processes, by password and by session', async t => {
	const { token } = await logIn('cp-two');
	t.deepEqual(statuses(await everywhere({ token }, chassis)), [200]);
	t.deepEqual(statuses(await everywhere('cp-two', chassis)), [200]);
	const others = entries.filter(({ name }) => name !== 'cp-two');
	await site.proxy.useRoster(createRoster(others, parties));
	t.deepEqual(statuses(await everywhere({ token }, chassis)), [401]);
	t.deepEqual(statuses(await everywhere('cp-two', chassis)), [401]);
	await site.proxy.useRoster(createRoster(entries, parties));
});

test.serial('parties see their own view of one resource, whichever process serves them', async t => {
	const log = `${system}/LogServices/EventLog/Entries`;
	const [hso, cp] = await Promise.all([everywhere('hso-operator', log), everywhere('cp-operator', log)]);
	t.is(new Set(hso.map(({ text }) => text)).size, 1);
	t.is(new Set(cp.map(({ text }) => text)).size, 1);
});

test.serial('a BMC sees one session of the proxy and no more connections than it is to have', async t => {
	for (const name of ['hso-operator', 'cp-operator']) await everywhere(name, chassis, 'node3');
	const sent = site.spies.node3.received();
	t.is(sent.match(/POST \/redfish\/v1\/SessionService\/Sessions /g)?.length, 1);
	t.false(sent.includes('cp-operator'));
});
