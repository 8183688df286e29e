import { chmod, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { ConfigError } from '../../common/config/config-error.ts';
import { makeBundle } from './bundle.ts';
import {
	bundleOf,
	changed,
	cpOperator,
	hsoOperator,
	plainFiles,
	sign,
	signAll,
	startGovernor,
	table,
} from './governance.fixture.ts';
import { openGovernor } from './governor.ts';
import { openKeptVersions } from './kept-versions.ts';
import { commonScope } from './manifest.ts';

const founding = signAll(plainFiles());
const stricter = sign(changed(founding, { 'hso/power.yaml': 'Reset:\n  hso.pre: 1 < 2\n' }), 'HSO', 'HSO');
const closing = sign(changed(founding, { 'hso/power.yaml': 'Reset:\n  hso.pre: false\n' }), 'HSO', 'HSO');

test('unsigned policies are no founding, and the message says what to do', async t => {
	const error = await t.throwsAsync(startGovernor(t, plainFiles()), { instanceOf: ConfigError });
	t.regex(
		error?.message ?? '',
		/hso\/manifest\.json:1:1: HSO’s policies are not signed \(HSO signs it: bimetal policy sign/,
	);
});

test('a party’s signed change comes into force over HTTP and by the folder', async t => {
	const { governor, put, taken, records } = await startGovernor(t);
	const first = governor.current().version;
	const entry = await governor.push(bundleOf(stricter, 'HSO'), hsoOperator, false);
	t.is(entry.parts.HSO?.version, 2);
	t.is(governor.current().version, entry.policyVersion);
	t.not(governor.current().version, first);
	t.like(records.at(-1), { kind: 'governance', action: 'take', operator: 'hso-operator', scopes: ['HSO'] });
	t.regex((records.at(-1) as { signature?: string }).signature ?? '', /^[A-Za-z0-9+/]{86}==$/);
	await governor.readFolder();
	t.is(
		governor.current().version,
		entry.policyVersion,
		'the older files that a push left in the folder are no roll-back',
	);
	await put(sign(changed(stricter, { 'hso/power.yaml': 'Reset:\n  hso.pre: 1 < 3\n' }), 'HSO', 'HSO'));
	await governor.readFolder();
	t.is(governor.inForce().parts.HSO?.version, 3);
	t.is(taken.length, 2);
	t.deepEqual(
		(await governor.history()).map(({ parts }) => parts.HSO?.version),
		[3, 2, 1],
	);
});

test('what is tampered with or rolled back in the folder leaves the last good version in force', async t => {
	const { governor, put, folder, reopen } = await startGovernor(t);
	await put(stricter);
	await governor.readFolder();
	const good = governor.current().version;
	await put(founding);
	const error = await t.throwsAsync(governor.readFolder(), { instanceOf: ConfigError });
	t.regex(error?.message ?? '', /version 1 of HSO’s policies, and version 2 is in force/);
	t.is(governor.current().version, good);
	await put(stricter);
	await writeFile(join(folder, 'cp', 'power.yaml'), 'Reset:\n  cp.pre: false\n');
	await t.throwsAsync(governor.readFolder(), { message: /cp\/power\.yaml:1:1: it is not what was signed/ });
	const again = await reopen();
	t.is(again.current().version, good, 'and so it is after a restart');
	t.is(again.inForce().parts.HSO?.version, 2);
});

test('a signed old version is refused when it is replayed over HTTP', async t => {
	const { governor } = await startGovernor(t);
	const old = bundleOf(founding, 'HSO');
	const [entry] = await governor.history();
	t.deepEqual(await governor.push(old, hsoOperator, false), entry, 'what is in force can be sent again');
	await governor.push(bundleOf(stricter, 'HSO'), hsoOperator, false);
	await t.throwsAsync(governor.push(old, hsoOperator, false), { code: 'PolicyConflict' });
});

test('of two pushes at once one wins, and the other one hears what to do', async t => {
	const { governor } = await startGovernor(t);
	const rival = sign(changed(founding, { 'hso/power.yaml': 'Reset:\n  hso.pre: 2 < 3\n' }), 'HSO', 'HSO');
	const [one, two] = await Promise.allSettled([
		governor.push(bundleOf(stricter, 'HSO'), hsoOperator, false),
		governor.push(bundleOf(rival, 'HSO'), hsoOperator, false),
	]);
	t.is(one.status, 'fulfilled');
	t.like(two, { status: 'rejected', reason: { code: 'PolicyConflict' } });
	t.regex(
		String((two as PromiseRejectedResult).reason.message),
		/take that in \(bimetal policy show\), then sign again/,
	);
	t.is((await governor.history()).length, 2);
});

test('changes of different parties at once both come into force', async t => {
	const { governor } = await startGovernor(t);
	const cps = sign(changed(founding, { 'cp/power.yaml': 'Reset:\n  cp.pre: 1 < 2\n' }), 'CP', 'CP');
	await Promise.all([
		governor.push(bundleOf(stricter, 'HSO'), hsoOperator, false),
		governor.push(bundleOf(cps, 'CP'), cpOperator, false),
	]);
	t.like(governor.inForce().parts, { HSO: { version: 2 }, CP: { version: 2 } });
});

test('a party changes its own policies only, with its own signature, and nothing else along with them', async t => {
	const { governor } = await startGovernor(t);
	await t.throwsAsync(governor.push(bundleOf(stricter, 'HSO'), cpOperator, false), { code: 'NotThisParty' });
	const { files } = bundleOf(stricter, 'HSO');
	const push = (more: Record<string, string>) =>
		governor.push(makeBundle('HSO', new Map(Object.entries({ ...files, ...more }))), hsoOperator, false);
	await t.throwsAsync(push({ 'cp/power.yaml': '{}\n' }), { code: 'BundleInvalid' });
	await t.throwsAsync(push({ 'operations.yaml': table }), { code: 'BundleInvalid' });
	await t.throwsAsync(push({ '../evil.yaml': '{}\n' }), { code: 'BundleInvalid' });
	await t.throwsAsync(push({ 'hso/manifest.json.sig': files['hso/manifest.json'] ?? '' }), {
		code: 'SignatureInvalid',
	});
	await t.throwsAsync(push({ 'hso/power.yaml': 'Reset:\n  hso.pre: true\n' }), { code: 'BundleInvalid' });
	t.is((await governor.history()).length, 1);
});

test('signed policies with mistakes are refused with the place of the mistake', async t => {
	const { governor } = await startGovernor(t);
	const bad = sign(changed(founding, { 'hso/power.yaml': 'Reset:\n  hso.pre: tru\n' }), 'HSO', 'HSO');
	await t.throwsAsync(governor.push(bundleOf(bad, 'HSO'), hsoOperator, false), {
		code: 'BundleInvalid',
		message: /^hso\/power\.yaml:2:12: unknown name "tru"/,
	});
});

test('what locks another party out is taken only if that is meant', async t => {
	const { governor, records } = await startGovernor(t);
	await t.throwsAsync(governor.push(bundleOf(closing, 'HSO'), hsoOperator, false), {
		code: 'WouldLockOut',
		message: 'CP could no longer do "Reset" alone',
	});
	const entry = await governor.push(bundleOf(closing, 'HSO'), hsoOperator, true);
	t.like(records.at(-1), { action: 'take', comment: 'CP could no longer do "Reset" alone' });
	t.is(governor.inForce().id, entry.id);
});

test('a crash between kept and in force leaves the version before in force, and the next try works', async t => {
	const { governor, reopen, deps } = await startGovernor(t);
	const before = governor.inForce().id;
	const failing = {
		...deps,
		store: { ...deps.store, transact: () => Promise.reject(new Error('the power is gone')) },
		kept: await openKeptVersions(deps.versions),
	};
	const dying = await openGovernor(failing);
	await t.throwsAsync(dying.push(bundleOf(stricter, 'HSO'), hsoOperator, false), {
		message: 'the power is gone',
	});
	t.is((await readdir(deps.versions)).length, 2, 'it was kept');
	const after = await reopen();
	t.is(after.inForce().id, before);
	const entry = await after.push(bundleOf(stricter, 'HSO'), hsoOperator, false);
	t.is((await reopen()).inForce().id, entry.id);
});

test('a crash while a version is being kept leaves nothing of it', async t => {
	const { deps, reopen } = await startGovernor(t);
	await openKeptVersions(deps.versions);
	await writeFile(join(deps.versions, '.unfinished-0123'), '');
	await reopen();
	t.is((await readdir(deps.versions)).length, 1);
});

test('a kept version that was tampered with is found out at the start', async t => {
	const { deps, governor, reopen } = await startGovernor(t);
	const path = join(deps.versions, governor.inForce().id, 'cp', 'power.yaml');
	await chmod(path, 0o600);
	await writeFile(path, 'Reset:\n  cp.pre: false\n');
	await t.throwsAsync(reopen(), { code: 'VersionDamaged' });
	await rm(join(deps.versions, governor.inForce().id), { recursive: true });
	await t.throwsAsync(reopen(), { code: 'VersionDamaged' });
});

test('going back is a new version, made of old files', async t => {
	const { governor } = await startGovernor(t);
	await governor.push(bundleOf(stricter, 'HSO'), hsoOperator, false);
	const [, first] = await governor.history();
	const old = await governor.readVersion(first?.id ?? '');
	const back = sign(old, 'HSO', 'HSO', governor.inForce().parts.HSO);
	const entry = await governor.push(bundleOf(back, 'HSO'), hsoOperator, false);
	t.is(entry.parts.HSO?.version, 3);
	t.is(entry.policyVersion, first?.policyVersion ?? '', 'and it decides as the old one did');
});

test('break-glass names rows of the table', async t => {
	const { governor } = await startGovernor(t);
	const without = table.slice(0, table.indexOf('- type: Operation\n  operation: Wipe'));
	let next = sign(changed(founding, { 'operations.yaml': without }), commonScope, 'HSO');
	next = sign(next, commonScope, 'CP');
	await t.throwsAsync(governor.check(bundleOf(next, commonScope)), {
		code: 'BundleInvalid',
		message: /breakGlass names an operation that the table does not have: "Wipe"/,
	});
});
