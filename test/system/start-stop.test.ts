import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { startSite } from '../site.ts';

test('a second start finds the same parties, passwords, certificates and waiting requests', async t => {
	const state = await mkdtemp(path.join(tmpdir(), 'bimetal-state-'));
	t.teardown(() => rm(state, { recursive: true }));

	const first = await startSite({ state });
	const { status, headers } = await first
		.as('HSO', 'node1')
		.post('/redfish/v1/Managers/bmc/Actions/Manager.ResetToDefaults', { ResetType: 'ResetAll' });
	t.is(status, 202);
	await first.stop('SIGINT');

	const second = await startSite({ state });
	t.deepEqual(second.line.operators, first.line.operators);
	t.is(second.ca, first.ca);
	const { body } = await second.as('CP').get('/p2c/v1/requests?state=waiting');
	t.is(body.requests.length, 1);
	t.true(String(headers.location).includes(body.requests[0].id));
	await second.stop('SIGTERM');
});

test('two sites side by side do not meet', async t => {
	const sites = await Promise.all([startSite(), startSite()]);
	const [one, other] = sites;
	t.not(one.line.proxy.url, other.line.proxy.url);
	t.not(one.line.operators[0]?.password, other.line.operators[0]?.password);
	await Promise.all(sites.map(site => site.stop()));
});

test('every service tells that it is well, and its figures', async t => {
	const site = await startSite();
	for (const path of ['/healthz', '/readyz', '/metrics']) {
		const answer = await fetch(new URL(path, site.line.proxy.ops));
		t.is(answer.status, 200, path);
		await answer.arrayBuffer();
	}
	await site.stop();
});

test('a site ends also when its folder was deleted from under it, and says that something could not be kept', async t => {
	const state = await mkdtemp(path.join(tmpdir(), 'bimetal-state-'));
	const site = await startSite({ state });
	await rm(state, { recursive: true });
	t.teardown(() => rm(state, { recursive: true, force: true }));
	await t.throwsAsync(site.stop('SIGINT'), { message: /^bimetal up ended with 1 after SIGINT/ });
});
