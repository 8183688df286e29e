// BMCs that fail in every way they can, and an audit log whose disk is full: what is answered, and what is not done.
import test from 'ava';
import { startTestProxy, type TestProxy } from './start-proxy.ts';

const system = '/redfish/v1/Systems/system';
const chassis = '/redfish/v1/Chassis/chassis';
const reset = `${system}/Actions/ComputerSystem.Reset`;
const body = { ResetType: 'ForceRestart' };

async function start(options: Parameters<typeof startTestProxy>[0] = {}): Promise<TestProxy> {
	const site = await startTestProxy({ bmcTimeout: 30_000, ...options });
	for (const bmc of ['node1', 'node2']) await site.at('cp-operator', bmc)('GET', system); // logs in
	return site;
}
const posts = (site: TestProxy, name: 'node1' | 'node2' = 'node1') =>
	site.bmcs[name].executed.filter(({ path }) => path === reset);

test('a BMC that fails is answered for by what is known, on every way, and others go on', async t => {
	// Time enough for a BMC that answers.
	const site = await start({ bmcTimeout: 2000 });
	t.teardown(() => site.close());
	for (const [fault, status, codes, wasExecuted] of [
		[{ garbage: true }, 502, ['BmcGarbage'], 0],
		[{ dropMidAnswer: true }, 504, ['BmcNoAnswer'], 1],
		[{ delayMs: 60_000 }, 504, ['BmcNoAnswer'], 0],
	] as const) {
		site.bmcs.node1.fault(fault);
		const before = posts(site).length;
		const failing = [
			site.at('cp-operator')('POST', reset, { body }), // as it comes
			site.at('cp-operator')('GET', system),
			site.at('cp-operator')('GET', chassis), // filtered
			site.ask('cp-operator', 'GET', `/bmc/node1${system}`), // links rewritten
		];
		t.is((await site.at('cp-operator', 'node2')('GET', chassis)).status, 200);
		for (const answer of await Promise.all(failing)) {
			t.is(answer.status, status, JSON.stringify(fault));
			t.true(
				codes.some(code => answer.json.error.code === `Bimetal.1.0.${code}`),
				answer.text,
			);
			t.regex(answer.json.error.message, /node1/);
		}
		t.is(posts(site).length, before + wasExecuted);
		site.bmcs.node1.fault({});
		t.is((await site.at('cp-operator')('GET', system)).status, 200, 'mended, it is served again');
		const me = (await site.ask('cp-operator', 'GET', '/p2c/v1/bmcs')).json;
		t.is(me.bmcs.find(({ name }: { name: string }) => name === 'node1').state, 'up');
	}
	const answers = site.records.flatMap(record => (record.kind === 'answer' ? [record.status] : []));
	t.deepEqual(answers, [502, 504, 504]);
});

test('a BMC that forgets the proxy’s session is logged in to again, once for all who wait', async t => {
	const site = await start();
	t.teardown(() => site.close());
	const logins = () =>
		site.bmcs.node1.executed.filter(({ method, path }) => method === 'POST' && path.endsWith('/Sessions'))
			.length;
	const before = logins();
	site.clock.advance(60 * 60_000); // the BMC ends idle sessions
	const all = await Promise.all(Array.from({ length: 8 }, () => site.at('cp-operator')('GET', system)));
	t.deepEqual(new Set(all.map(({ status }) => status)), new Set([200]));
	t.true(logins() - before <= 2, `${logins() - before} log-ins`);
	t.is((await site.at('cp-operator')('POST', reset, { body })).status, 204);
});

test('a client that goes away does not take a change of its with it, nor the lane', async t => {
	const site = await start();
	t.teardown(() => site.close());
	site.bmcs.node1.fault({ delayMs: 1000 });
	const cut = site.ask('cp-operator', 'POST', `${site.bmcUrls.node1}${reset}`, {
		body,
		abortAfterSending: true,
	});
	await t.throwsAsync(cut);
	while (!site.spies.node1.received().includes('ComputerSystem.Reset')) await new Promise(setImmediate);
	let isDecided = false;
	site.world.whileReading = async () => {
		isDecided = true;
	};
	const next = site.at('cp-operator', 'node2')('POST', reset, { body });
	for (let i = 0; i < 50; i++) await new Promise(setImmediate);
	t.false(isDecided, 'the next one is not decided on before the BMC has answered the first');
	site.clock.advance(1000);
	t.is((await next).status, 204);
	t.is(posts(site).length, 1);
	t.is(posts(site, 'node2').length, 1);
});

test('with a broken audit log nothing is done, and nothing is decided', async t => {
	const site = await start();
	t.teardown(() => site.close());
	const held = await site.at('hso-operator')('POST', '/redfish/v1/Managers/bmc/Actions/Manager.Reset', {
		body: { ResetType: 'GracefulRestart' },
	});
	t.is(held.status, 202);
	site.breakAudit();
	const before = site.bmcs.node1.executed.length;
	const first = await site.at('cp-operator')('POST', reset, { body });
	t.is(first.status, 503);
	t.is(first.json.error.code, 'Bimetal.1.0.AuditUnavailable');
	for (const [method, path] of [
		['POST', reset],
		['GET', system],
		['GET', chassis],
		['DELETE', '/redfish/v1/Unheard'],
	] as const) {
		const answer = await site.at('cp-operator')(method, path, method === 'POST' ? { body } : {});
		t.is(answer.status, 503, path);
	}
	const { Id: id, Oem: oem } = held.json;
	const approved = await site.ask('cp-operator', 'POST', `/p2c/v1/requests/${id}/approve`, {
		body: { digest: oem.Bimetal.Digest },
	});
	t.is(approved.status, 503);
	t.is(approved.json.code, 'AuditUnavailable');
	t.is((await site.ask('hso-operator', 'GET', `/p2c/v1/requests/${id}`)).json.state, 'waiting');
	t.is(site.bmcs.node1.executed.length, before);
	t.is(site.bmcs.node1.counts.managerResets, 0);
	const ready = await fetch(`${site.ops}/readyz`);
	t.is(ready.status, 503);
	t.is((await fetch(`${site.ops}/healthz`)).status, 200);
});
