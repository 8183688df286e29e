// Asked to end under load: changes are finished, reads are cut, nothing is left; asked twice, it hurries.
import test from 'ava';
import { startChildProxy } from './child-proxy.ts';
import { clearLog, createFaultySite, reset, system } from './faulty-site.ts';

test.serial(
	'SIGTERM: changes under way are finished and answered, reads are cut, and it ends by itself',
	async t => {
		t.timeout(120_000);
		const site = await createFaultySite(t, { limits: { bmcTimeout: '20s' } });
		const proxy = await startChildProxy(site.config, site.ca);
		t.teardown(() => proxy.end());
		const at = proxy.bmcs.node1 ?? '';
		t.is((await proxy.ask(site.as('CP'), 'GET', at + system)).status, 200);
		const held: (() => void)[] = [];
		site.bmc.fault({
			at: moment => (moment === 'received' ? new Promise(go => held.push(go)) : Promise.resolve()),
		});
		const change = proxy.ask(site.as('CP'), 'POST', at + reset, { body: { ResetType: 'ForceRestart' } });
		while (held.length < 1) await new Promise(setImmediate);
		const reads = Array.from({ length: 20 }, () =>
			proxy.ask(site.as('HSO'), 'GET', at + system).then(
				({ status }) => status,
				() => 'cut',
			),
		);
		while (held.length < 2) await new Promise(setImmediate);
		proxy.signal('SIGTERM');
		await t.throwsAsync(async () => {
			for (;;) await proxy.ask(site.as('HSO'), 'GET', '/p2c/v1/me'); // until it takes no more
		});
		t.is(site.executed(reset), 0);
		held[0]?.();
		t.is((await change).status, 204);
		t.is(site.executed(reset), 1);
		t.is(await proxy.ended(60_000), 0, proxy.log());
		t.deepEqual(new Set(await Promise.all(reads)), new Set(['cut']));
		site.bmc.fault({});
		for (const go of held) go();
	},
);

test.serial(
	'a second SIGTERM hurries; what was being sent is unknown, and said to be after the restart',
	async t => {
		t.timeout(120_000);
		const site = await createFaultySite(t, { limits: { bmcTimeout: '60s' } });
		const proxy = await startChildProxy(site.config, site.ca);
		t.teardown(() => proxy.end());
		const at = proxy.bmcs.node1 ?? '';
		const waiting = (await proxy.ask(site.as('HSO'), 'POST', at + clearLog, { body: {} })).json;
		t.is((await proxy.ask(site.as('CP'), 'GET', at + system)).status, 200);
		const held: (() => void)[] = [];
		const received = new Promise<void>(resolve => {
			site.bmc.fault({
				at(moment) {
					if (moment !== 'received') return Promise.resolve();
					resolve();
					return new Promise(go => held.push(go));
				},
			});
		});
		const approved = proxy
			.ask(site.as('CP'), 'POST', `/p2c/v1/requests/${waiting.Id}/approve`, {
				body: { digest: waiting.Oem.Bimetal.Digest },
			})
			.catch(() => undefined);
		await received;
		proxy.signal('SIGTERM');
		t.is(await proxy.ended(1000), 'alive', 'the change is waited for');
		proxy.signal('SIGTERM');
		t.is(await proxy.ended(60_000), 0, proxy.log());
		await approved;
		site.bmc.fault({});
		for (const go of held) go();
		const next = await startChildProxy(site.config, site.ca);
		t.teardown(() => next.end());
		const { state } = (await next.ask(site.as('CP'), 'GET', `/p2c/v1/requests/${waiting.Id}`)).json;
		t.is(state, 'unknown');
		for (let turn = 0; turn < 1e5 && site.executed(clearLog) === 0; turn++) await new Promise(setImmediate);
		t.is(site.executed(clearLog), 1, 'the BMC had it');
	},
);
