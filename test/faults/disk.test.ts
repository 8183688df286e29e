// A disk with no more room (a small tmpfs in a mount namespace of its own), and a store that is away for a while.
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { listLogFiles, readLines } from '../../proxy/audit/log-files.ts';
import { verifyAudit } from '../../proxy/audit/verify-audit.ts';
import { startChildProxy } from './child-proxy.ts';
import { clearLog, createFaultySite, reset, system } from './faulty-site.ts';
import { onSmallDisk, testMounting } from './small-disk.ts';

const body = { ResetType: 'ForceRestart' };
testMounting(
	'on a full disk nothing is executed that is not on record; with room again it goes on by itself',
	async t => {
		t.timeout(120_000);
		const site = await createFaultySite(t);
		t.teardown(() => rm(`${site.folder}.disk`, { recursive: true, force: true }));
		const proxy = await startChildProxy(site.config, site.ca, onSmallDisk(site.folder));
		t.teardown(() => proxy.end());
		const onDisk = `/proc/${proxy.pid}/root${site.folder}`;
		const at = proxy.bmcs.node1 ?? '';
		const change = () => proxy.ask(site.as('CP'), 'POST', at + reset, { body });
		t.is((await change()).status, 204);
		const held = (await proxy.ask(site.as('HSO'), 'POST', at + clearLog, { body: {} })).json;

		await t.throwsAsync(writeFile(path.join(onDisk, 'filler'), Buffer.alloc(4_000_000)), { code: 'ENOSPC' });
		// What was left of the last page of the files may still take some records.
		let done = 1;
		let refused: Awaited<ReturnType<typeof change>> | undefined;
		for (let i = 0; i < 100 && !refused; i++) {
			const answer = await change();
			if (answer.status === 204) done++;
			else refused = answer;
		}
		t.is(refused?.status, 503, refused?.text);
		t.is(refused?.json.error.code, 'Bimetal.1.0.AuditUnavailable');
		t.is(site.executed(reset), done);
		for (let i = 0; i < 3; i++) t.is((await change()).status, 503);
		t.is((await proxy.ask(site.as('CP'), 'GET', at + system)).status, 503, 'reads are decisions as well');
		const digest = held.Oem.Bimetal.Digest;
		const approve = () =>
			proxy.ask(site.as('CP'), 'POST', `/p2c/v1/requests/${held.Id}/approve`, { body: { digest } });
		t.is((await approve()).status, 503);
		t.is(site.executed(reset), done);
		t.is(site.executed(clearLog), 0);
		t.is((await fetch(`${proxy.ops}/readyz`)).status, 503);

		await rm(path.join(onDisk, 'filler'));
		for (let i = 0; i < 300 && (await fetch(`${proxy.ops}/readyz`)).status !== 200; i++)
			await new Promise(resolve => setTimeout(resolve, 100));
		t.is((await change()).status, 204, 'nobody had to do anything');
		t.is(site.executed(reset), done + 1);
		t.is((await approve()).json.state, 'executed');
		t.is(site.executed(clearLog), 1);
		const folder = path.join(onDisk, 'audit');
		t.like(await verifyAudit({ folder }), { ok: true });
		const kinds: string[] = [];
		for (const file of await listLogFiles(folder))
			for await (const line of readLines(file.path)) kinds.push(JSON.parse(line.toString()).record.kind);
		t.is(kinds.filter(kind => kind === 'outage').length, 1);
	},
);

test.serial(
	'while the store is away, what needs it is 503 and nothing is lost; what was executed is told later',
	async t => {
		t.timeout(120_000);
		const site = await createFaultySite(t);
		const proxy = await startChildProxy(site.config, site.ca);
		t.teardown(() => proxy.end());
		const at = proxy.bmcs.node1 ?? '';
		const hold = async () => (await proxy.ask(site.as('HSO'), 'POST', at + clearLog, { body: {} })).json;
		const approve = (held: { Id: string; Oem: { Bimetal: { Digest: string } } }) =>
			proxy.ask(site.as('CP'), 'POST', `/p2c/v1/requests/${held.Id}/approve`, {
				body: { digest: held.Oem.Bimetal.Digest },
			});
		const held = await hold();
		t.is((await proxy.ask(site.as('CP'), 'GET', at + system)).status, 200);

		await proxy.storeIsAway(true);
		t.is((await proxy.ask(site.as('CP'), 'GET', at + system)).status, 200, 'reads need no store');
		t.is((await proxy.ask(site.as('HSO'), 'POST', at + clearLog, { body: {} })).status, 503);
		t.is((await approve(held)).status, 503);
		t.is((await fetch(`${proxy.ops}/readyz`)).status, 503);
		t.is(site.executed(clearLog), 0);
		await proxy.storeIsAway(false);
		t.is((await approve(held)).json.state, 'executed');
		t.is(site.executed(clearLog), 1);

		const second = await hold();
		site.bmc.fault({ at: moment => (moment === 'executed' ? proxy.storeIsAway(true) : Promise.resolve()) });
		t.is((await approve(second)).json.state, 'executed', 'it is known, and not yet kept');
		site.bmc.fault({});
		await proxy.storeIsAway(false);
		let state = '';
		for (let i = 0; i < 600 && state !== 'executed'; i++) {
			await new Promise(resolve => setTimeout(resolve, 100));
			({ state } = (await proxy.ask(site.as('CP'), 'GET', `/p2c/v1/requests/${second.Id}`)).json);
		}
		t.is(state, 'executed');
		t.is(site.executed(clearLog), 2);
	},
);
