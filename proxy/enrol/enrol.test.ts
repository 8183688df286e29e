import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { Agent, fetch } from 'undici';
import { parse } from 'yaml';
import { bmcIdentity, modeOf, oldPassword, siteText, startBench } from './console.fixture.ts';
import type { Change } from './doors.ts';
import { enrolBmc, planEnrolment } from './enrol.ts';
import { newPassword } from './new-password.ts';
import { openBmc } from './open-bmc.ts';
import { releaseBmc } from './release.ts';

test('a BMC is taken over: its certificate pinned, its password ours, every other door shut, the site file extended', async t => {
	const bench = await startBench(t);
	const { fingerprint } = await bmcIdentity();
	const stranger = openBmc({ name: 'node1', url: bench.bmc.url, fingerprint });
	const before = await stranger.logIn('oper1', 'Operators-own1');
	t.truthy(before);

	const done = await enrolBmc(bench.console, bench.wanted);
	t.deepEqual(done.left, []);
	for (const door of ['SSH', 'account oper1', 'HTTP Basic log-in', 'cookie log-in', 'Basic log-in'])
		t.true(done.shut.includes(door), door);
	t.true(done.shut.some(door => door.startsWith('session ')));
	t.false(done.shut.includes('account backup'));

	t.false(await bench.works(oldPassword));
	const password = await bench.kept();
	t.true(await bench.works(password));
	t.regex(password, /^[A-Za-z0-9]{20}$/);
	t.is(await modeOf(path.join(bench.folder, 'secrets/bmc-node1')), '600');
	t.is(await modeOf(path.join(bench.folder, 'enrolment/node1.json')), '600');
	t.like(await bench.show('AccountService/Accounts/oper1'), { Enabled: false });
	t.like(await bench.show('AccountService/Accounts/backup'), { Enabled: true });
	t.like(await bench.show('Managers/bmc/NetworkProtocol'), {
		SSH: { ProtocolEnabled: false },
		IPMI: { ProtocolEnabled: false },
		HTTPS: { ProtocolEnabled: true },
	});
	t.is(await stranger.logIn('oper1', 'Operators-own1'), undefined);
	await stranger.close();

	const site = await bench.site();
	for (const line of ['# The site of the tests.', 'site: test # its name', '# The first one.'])
		t.true(site.includes(line));
	t.deepEqual(parse(site).bmcs.node1, {
		url: bench.bmc.url,
		rack: 'rack7',
		fingerprint,
		username: 'root',
		password: 'secrets/bmc-node1',
		enrolment: 'enrolment/node1.json',
	});
	const record = await readFile(path.join(bench.folder, 'enrolment/node1.json'), 'utf8');
	for (const secret of [password, oldPassword]) {
		t.false(record.includes(secret), 'the record of a finished enrolment holds no password');
		t.false(bench.lines.join('\n').includes(secret));
		t.false(site.includes(secret));
	}
	const spooled = await readdir(path.join(bench.folder, 'enrolment/unrecorded'));
	const records = await Promise.all(
		spooled
			.sort()
			.map(async name =>
				JSON.parse(await readFile(path.join(bench.folder, 'enrolment/unrecorded', name), 'utf8')),
			),
	);
	t.deepEqual(
		records.map(({ action, bmc, outcome, by }) => [action, bmc, outcome, by]),
		[
			['enrol', 'node1', 'begun', 'tester'],
			['enrol', 'node1', 'done', 'tester'],
		],
	);
	t.false(JSON.stringify(records).includes(password));
});

test('whom the BMC pushed events to before, it pushes none any more; released, it is said who', async t => {
	const bench = await startBench(t);
	const subscriptions = `${bench.bmc.url}/redfish/v1/EventService/Subscriptions`;
	const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
	t.teardown(() => dispatcher.destroy());
	const authorization = `Basic ${Buffer.from(`root:${oldPassword}`).toString('base64')}`;
	const subscribed = await fetch(subscriptions, {
		dispatcher,
		method: 'POST',
		headers: { authorization, 'content-type': 'application/json' },
		body: JSON.stringify({ Destination: 'https://hooks.example/in?key=secret', Protocol: 'Redfish' }),
	});
	t.is(subscribed.status, 201);
	const stream = await fetch(`${bench.bmc.url}/redfish/v1/EventService/SSE`, {
		dispatcher,
		headers: { authorization, accept: 'text/event-stream' },
	});
	t.is(stream.status, 200);
	const streamEnds = stream.text().catch(() => 'cut');
	t.like(await bench.show('EventService/Subscriptions', oldPassword), { 'Members@odata.count': 2 });
	const door = 'event subscription 1000 to https://hooks.example';
	const done = await enrolBmc(bench.console, bench.wanted);
	t.deepEqual(
		done.shut.filter(name => name.startsWith('event')),
		[door, 'event stream sse1'],
	);
	t.deepEqual(done.left, []);
	await streamEnds;
	t.like(await bench.show('EventService/Subscriptions'), { 'Members@odata.count': 0 });
	t.false(bench.lines.join('\n').includes('secret'));
	t.deepEqual((await releaseBmc(bench.console, 'node1', 'The-owners-own1')).lost, [door]);
});

test('twice is one enrolment; what was opened in between is shut again', async t => {
	const bench = await startBench(t);
	await enrolBmc(bench.console, bench.wanted);
	const [password, site] = [await bench.kept(), await bench.site()];
	const again = await enrolBmc(bench.console, { ...bench.wanted, password: 'no longer known' });
	t.deepEqual([again.shut, again.left, again.added], [[], [], false]);
	t.is(await bench.kept(), password);
	t.is(await bench.site(), site);

	const { fingerprint } = await bmcIdentity();
	const at = openBmc({ name: 'node1', url: bench.bmc.url, fingerprint });
	const login = await at.logIn('root', password);
	await login?.send({
		method: 'PATCH',
		path: '/redfish/v1/Managers/bmc/NetworkProtocol',
		body: { IPMI: { ProtocolEnabled: true } },
	});
	await login?.logOut();
	await at.close();
	t.deepEqual((await enrolBmc(bench.console, bench.wanted)).shut, ['IPMI']);
});

test('what would be shut is told without a change', async t => {
	const bench = await startBench(t);
	const { shut, fingerprint } = await planEnrolment(bench.console, bench.wanted);
	t.is(fingerprint, (await bmcIdentity()).fingerprint);
	t.true(shut.includes('SSH') && shut.includes('account oper1'));
	t.true(await bench.works(oldPassword));
	t.is(await bench.site(), siteText);
	t.deepEqual(await readdir(bench.folder), ['secrets', 'site.yaml']);
	const done = await enrolBmc(bench.console, bench.wanted);
	t.deepEqual(
		done.shut.filter(door => !door.startsWith('session')),
		shut.filter(door => !door.startsWith('session')),
	);
});

test('released, a BMC is as it was, but for the password that its owner chose and the accounts that were deleted', async t => {
	const bench = await startBench(t);
	const before = {
		protocols: await bench.show('Managers/bmc/NetworkProtocol', oldPassword),
		service: await bench.show('AccountService', oldPassword),
		operator: await bench.show('AccountService/Accounts/oper1', oldPassword),
	};
	await enrolBmc(bench.console, bench.wanted);
	const { lost } = await releaseBmc(bench.console, 'node1', 'The-owners-own1');
	t.deepEqual(lost, []);
	t.true(await bench.works('The-owners-own1'));
	t.deepEqual(await bench.show('Managers/bmc/NetworkProtocol', 'The-owners-own1'), before.protocols);
	t.deepEqual(await bench.show('AccountService', 'The-owners-own1'), before.service);
	t.deepEqual(await bench.show('AccountService/Accounts/oper1', 'The-owners-own1'), before.operator);
	t.is(parse(await bench.site()).bmcs.node1, undefined);
	t.deepEqual(await readdir(path.join(bench.folder, 'secrets')), []);
	await t.throwsAsync(releaseBmc(bench.console, 'node1', 'The-owners-own1'), { code: 'NotEnrolled' });

	await enrolBmc(bench.console, { ...bench.wanted, password: 'The-owners-own1', accounts: 'delete' });
	t.deepEqual((await releaseBmc(bench.console, 'node1', 'The-owners-own1')).lost, ['account oper1']);
});

test('nothing is sent to a BMC whose certificate was not accepted, or is another than the pinned one', async t => {
	const bench = await startBench(t);
	const sent = () => bench.bmc.executed.length;
	await t.throwsAsync(enrolBmc(bench.console, { ...bench.wanted, trust: async () => false }), {
		code: 'CertificateDiffers',
	});
	t.is(sent(), 0);
	await enrolBmc(bench.console, bench.wanted);
	const executed = sent();
	const other = { ...bench.console, presentedFingerprint: async () => 'ab'.repeat(32) };
	await t.throwsAsync(enrolBmc(other, bench.wanted), { code: 'CertificateDiffers' });
	await t.throwsAsync(releaseBmc(other, 'node1', 'The-owners-own1'), { code: 'CertificateDiffers' });
	t.is(sent(), executed);
	// Somebody who shows the right certificate at the look and another one when it counts.
	const turncoat = openBmc({ name: 'node1', url: bench.bmc.url, fingerprint: 'ab'.repeat(32) });
	await t.throwsAsync(turncoat.logIn('root', oldPassword), { code: 'BmcUnreachable' });
	await turncoat.close();
	t.is(sent(), executed);
});

test('what stands in the way is told before the BMC is touched', async t => {
	const bench = await startBench(t);
	const { console, wanted } = bench;
	const conflict = { code: 'EnrolmentConflict' };
	await t.throwsAsync(enrolBmc(console, { ...wanted, url: 'http://127.0.0.1:1' }), conflict);
	await t.throwsAsync(
		enrolBmc({ ...console, siteFile: path.join(bench.folder, 'no.yaml') }, wanted),
		conflict,
	);
	await writeFile(path.join(bench.folder, 'secrets/bmc-node1'), 'the only copy of something\n');
	await t.throwsAsync(enrolBmc(console, wanted), conflict);
	await t.throwsAsync(enrolBmc(console, { ...wanted, name: 'other' }), conflict, 'another URL');
	t.is(bench.bmc.executed.length, 0);
	await t.throwsAsync(enrolBmc(console, { ...wanted, name: 'node2', password: 'wrong' }), {
		code: 'BmcLoginRefused',
	});
	t.true(await bench.works(oldPassword));
	t.false((await readdir(path.join(bench.folder, 'enrolment'))).includes('node2.json'));
	await enrolBmc(console, { ...wanted, name: 'node3' });
	await t.throwsAsync(enrolBmc(console, { ...wanted, name: 'node3', username: 'backup' }), conflict);
});

test('without a site file the block to add is told', async t => {
	const bench = await startBench(t);
	const { block, added } = await enrolBmc({ ...bench.console, siteFile: undefined }, bench.wanted);
	t.false(added);
	t.is(parse(block).bmcs.node1.password, 'secrets/bmc-node1');
	t.is(await bench.site(), siteText);
});

test('only one process at a time works on a BMC', async t => {
	const bench = await startBench(t);
	const [first, second] = await Promise.allSettled([
		enrolBmc(bench.console, bench.wanted),
		enrolBmc(bench.console, bench.wanted),
	]);
	const refused = [first, second].filter(({ status }) => status === 'rejected');
	t.is(refused.length, 1);
	t.like((refused[0] as PromiseRejectedResult).reason, { code: 'EnrolmentBusy' });
	t.true(await bench.works(await bench.kept()));
});

/** The same BMC, which refuses changes of which `refuses` is true. */
const refusing = (refuses: (change: Change) => boolean) => ({
	openBmc(target: Parameters<typeof openBmc>[0]) {
		const bmc = openBmc(target);
		return {
			...bmc,
			async logIn(username: string, password: string) {
				const login = await bmc.logIn(username, password);
				return (
					login && { ...login, send: async (change: Change) => (refuses(change) ? 400 : login.send(change)) }
				);
			},
		};
	},
});

test('a door that the BMC does not shut is named, and tried again the next time', async t => {
	const bench = await startBench(t);
	const stubborn = { ...bench.console, ...refusing(({ path }) => path.endsWith('/NetworkProtocol')) };
	const done = await enrolBmc(stubborn, bench.wanted);
	t.deepEqual(done.left, ['SSH']);
	t.false(done.shut.includes('SSH'));
	t.true(bench.lines.some(line => /SSH: STILL OPEN, the BMC answered 400/.test(line)));
	t.true(await bench.works(await bench.kept()));
	const again = await enrolBmc(bench.console, { ...bench.wanted, keep: ['more'], rack: 'rack8' });
	t.deepEqual([again.shut, again.left], [['SSH'], []]);
	t.is(parse(await bench.site()).bmcs.node1.rack, 'rack8');
	const record = JSON.parse(await readFile(path.join(bench.folder, 'enrolment/node1.json'), 'utf8'));
	t.deepEqual(record.keep, ['backup', 'more']);
	t.deepEqual((await releaseBmc(bench.console, 'node1', 'The-owners-own1')).lost, []);
});

test('when the BMC refuses the new password, nothing is left of the attempt', async t => {
	const bench = await startBench(t);
	const stubborn = { ...bench.console, ...refusing(({ body }) => body?.Password !== undefined) };
	await t.throwsAsync(enrolBmc(stubborn, bench.wanted), { code: 'BmcRefuses' });
	t.true(await bench.works(oldPassword));
	t.is(await bench.site(), siteText);
	t.deepEqual(await readdir(path.join(bench.folder, 'enrolment')), ['unrecorded']);
	t.deepEqual(await readdir(path.join(bench.folder, 'secrets')), []);
	await t.throwsAsync(releaseBmc(bench.console, 'node1', 'The-owners-own1'), { code: 'NotEnrolled' });
});

test('a password has every kind of character, whatever the dice say, and as many as the BMC takes', t => {
	for (const longest of [8, 12, 16, 20, 64]) {
		const password = newPassword(randomBytes, longest);
		t.is(password.length, Math.max(12, Math.min(20, longest)));
		t.regex(password, /^(?=.*[A-Z])(?=.*[a-z])(?=.*[0-9])[A-Za-z0-9]+$/);
	}
	// Bytes that give capitals only are thrown again.
	let thrown = 0;
	// One byte after the other, 7 apart: every kind comes up within a dozen.
	const fair = (bytes: number) => Uint8Array.from({ length: bytes }, (_, index) => (index * 7) % 248);
	const loaded = (bytes: number) => (thrown++ < 3 ? new Uint8Array(bytes) : fair(bytes));
	t.regex(newPassword(loaded), /[a-z]/);
	t.is(thrown, 4);
});
