// Identical reads that come together share what the BMC says, and nothing of what each party may see of it.
import test from 'ava';
import { startTestProxy, type TestProxy } from '../proxy/start-proxy.ts';

const log = '/redfish/v1/Systems/system/LogServices/EventLog/Entries';
const chassis = '/redfish/v1/Chassis/chassis';
let site: TestProxy;
test.before(async () => {
	site = await startTestProxy({ coalesce: true, workers: 0 });
});
test.after.always(() => site.close());

const sentFor = (path: string): number => site.spies.node1.received().split(`GET ${path} HTTP`).length - 1;

test.serial('many reads at once are fewer exchanges, each with its own decision on the record', async t => {
	await site.at('hso-operator')('GET', chassis);
	await site.at('cp-operator')('GET', chassis);
	const [exchanges, records] = [sentFor(chassis), site.records.length];
	const who = Array.from({ length: 60 }, (_, i) => (i % 2 ? 'hso-operator' : 'cp-operator'));
	const replies = await Promise.all(who.map(name => site.at(name)('GET', chassis)));
	t.deepEqual([...new Set(replies.map(({ status }) => status))], [200]);
	t.true(sentFor(chassis) - exchanges < 60, `${sentFor(chassis) - exchanges} exchanges`);
	t.is(site.records.length - records, 60);
});

test.serial('parties that are shown different things of one answer are shown what is theirs', async t => {
	// What each of them sees alone.
	const alone = new Map<string, string>();
	for (const name of ['hso-operator', 'cp-operator']) alone.set(name, (await site.at(name)('GET', log)).text);
	t.not(alone.get('hso-operator'), alone.get('cp-operator'), 'the policies tell them apart');
	const who = Array.from({ length: 60 }, (_, i) => (i % 2 ? 'hso-operator' : 'cp-operator'));
	const replies = await Promise.all(
		who.map(async name => ({ name, reply: await site.at(name)('GET', log) })),
	);
	for (const { name, reply } of replies) t.true(reply.text === alone.get(name), name);
});

test.serial('a read that comes after a change was answered shows it', async t => {
	const path = '/redfish/v1/Systems/system';
	for (let round = 0; round < 10; round++) {
		const noise = Array.from({ length: 10 }, () => site.at('cp-operator')('GET', path));
		const tag = `tag-${round}`;
		const changed = await site.at('hso-operator')('PATCH', path, { body: { AssetTag: tag } });
		t.true(changed.status < 300, `${changed.status} ${changed.text}`);
		t.is((await site.at('cp-operator')('GET', path)).json.AssetTag, tag);
		await Promise.all(noise);
	}
});
