import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import type { ChangeDocument } from './change-document.ts';
import { createChanges } from './changes.ts';
import {
	agreementText,
	bundleOf,
	changed,
	cpOperator,
	hsoOperator,
	keys,
	plainFiles,
	sign,
	signAll,
	startGovernor,
	table,
} from './governance.fixture.ts';
import { commonScope, manifestPurpose } from './manifest.ts';
import { signText } from './signing-key.ts';
import { manifestName } from './snapshot.ts';

const founding = signAll(plainFiles());
const wider = changed(founding, { 'operations.yaml': table.replace('p2c: HSO and CP', 'p2c: HSO or CP') });
const proposal = bundleOf(sign(wider, commonScope, 'HSO'), commonScope);
const hour = 3_600_000;

async function start(t: ExecutionContext, inactive: string[] = []) {
	const site = await startGovernor(t);
	const seen: ChangeDocument[] = [];
	const changes = createChanges({
		...site.deps,
		governor: site.governor,
		expireAfter: hour,
		isActive: ({ name }) => !inactive.includes(name),
		onChange: change => seen.push(change),
	});
	const signedBy = (party: keyof typeof keys, change: ChangeDocument): string =>
		signText(keys[party].privatePem, manifestPurpose, change.bundle.files[manifestName(commonScope)] ?? '');
	return { ...site, changes, seen, signedBy, inactive };
}

test('a change of the table waits for the other party, and its signed approval brings it into force', async t => {
	const { governor, changes, signedBy, seen, records, taken } = await start(t);
	const before = governor.inForce().id;
	const change = await changes.propose(proposal, hsoOperator, 'ticket 7');
	t.like(change, { state: 'waiting', needs: [['CP']], replaces: before });
	t.is(governor.inForce().id, before);
	const signature = signedBy('CP', change);
	const done = await changes.approve(change.id, cpOperator, {
		digest: change.digest,
		comment: 'fine',
		signature,
	});
	t.like(done, { state: 'taken', version: governor.inForce().id, needs: [] });
	t.is(governor.inForce().parts.common?.version, 2);
	t.is(governor.current().operations[1]?.authorization.source, 'HSO or CP');
	t.is(taken.length, 1);
	t.deepEqual(
		seen.map(({ state }) => state),
		['waiting', 'taken'],
	);
	t.deepEqual(
		records.flatMap(record => (record.kind === 'governance' ? [[record.action, record.operator]] : [])),
		[
			['take', null],
			['propose', 'hso-operator'],
			['approve', 'cp-operator'],
			['take', 'hso-operator'],
		],
	);
	t.like(records.at(-2), { signature, digest: change.digest });
	t.deepEqual(
		(await changes.list('taken')).map(({ id }) => id),
		[change.id],
	);
});

test('an approval without the party’s own signature counts for nothing', async t => {
	const { changes, signedBy, governor } = await start(t);
	const change = await changes.propose(proposal, hsoOperator, null);
	const { digest, id } = change;
	for (const signature of [null, 'x', signedBy('HSO', change)]) {
		await t.throwsAsync(changes.approve(id, cpOperator, { digest, comment: null, signature }), {
			code: 'SignatureInvalid',
		});
	}
	const signature = signedBy('CP', change);
	await t.throwsAsync(changes.approve(id, cpOperator, { digest: '0'.repeat(64), comment: null, signature }), {
		code: 'DigestMismatch',
	});
	await t.throwsAsync(changes.approve(id, hsoOperator, { digest, comment: null, signature: null }), {
		code: 'AlreadyAuthorized',
	});
	t.is(governor.inForce().parts.common?.version, 1);
});

test('what the proposer’s party did not sign is not even proposed', async t => {
	const { changes } = await start(t);
	await t.throwsAsync(changes.propose(proposal, cpOperator, null), { code: 'SignatureInvalid' });
	const files = { ...proposal.files, 'operations.yaml': table };
	await t.throwsAsync(changes.propose({ ...proposal, files }, hsoOperator, null), { code: 'BundleInvalid' });
});

test('a signature that the other party gave beforehand still takes an operator’s approval', async t => {
	const { changes, governor } = await start(t);
	const both = bundleOf(sign(sign(wider, commonScope, 'HSO'), commonScope, 'CP'), commonScope);
	const change = await changes.propose(both, hsoOperator, null);
	t.deepEqual(change.needs, [['CP']]);
	const done = await changes.approve(change.id, cpOperator, {
		digest: change.digest,
		comment: null,
		signature: null,
	});
	t.is(done.version, governor.inForce().id);
});

test('an operator who was removed meanwhile no longer counts', async t => {
	const { changes, signedBy, inactive, governor } = await start(t);
	const change = await changes.propose(proposal, hsoOperator, null);
	inactive.push('hso-operator');
	const after = await changes.approve(change.id, cpOperator, {
		digest: change.digest,
		comment: null,
		signature: signedBy('CP', change),
	});
	t.like(after, { state: 'waiting', needs: [['HSO']] });
	t.is(governor.inForce().parts.common?.version, 1);
	const two = { name: 'hso-two', party: 'HSO' };
	const done = await changes.approve(change.id, two, {
		digest: change.digest,
		comment: null,
		signature: null,
	});
	t.is(done.state, 'taken');
});

test('a change is overtaken by whatever came into force meanwhile', async t => {
	const { changes, governor, signedBy } = await start(t);
	const change = await changes.propose(proposal, hsoOperator, null);
	const cps = sign(changed(founding, { 'cp/power.yaml': 'Reset:\n  cp.pre: 1 < 2\n' }), 'CP', 'CP');
	await governor.push(bundleOf(cps, 'CP'), cpOperator, false);
	const after = await changes.approve(change.id, cpOperator, {
		digest: change.digest,
		comment: null,
		signature: signedBy('CP', change),
	});
	t.like(after, { state: 'denied' });
	t.regex(after.ended?.reason ?? '', /another version came into force meanwhile/);
});

test('it can be denied, withdrawn by its proposer alone, and expires', async t => {
	const { changes, clock, signedBy } = await start(t);
	const [one, two, three] = [
		await changes.propose(proposal, hsoOperator, null),
		await changes.propose(proposal, hsoOperator, null),
		await changes.propose(proposal, hsoOperator, null),
	];
	t.like(await changes.deny(one.id, cpOperator, 'not now'), {
		state: 'denied',
		ended: { reason: 'not now' },
	});
	await t.throwsAsync(changes.withdraw(two.id, cpOperator, null), { code: 'NotYours' });
	t.like(await changes.withdraw(two.id, hsoOperator, null), { state: 'withdrawn' });
	clock.advance(hour);
	await changes.expire();
	t.like(await changes.get(three.id), { state: 'expired' });
	const approval = { digest: three.digest, comment: null, signature: signedBy('CP', three) };
	await t.throwsAsync(changes.approve(three.id, cpOperator, approval), { code: 'ChangeNotWaiting' });
	await t.throwsAsync(changes.get('g000000000000'), { code: 'NoSuchChange' });
	await t.throwsAsync(changes.get('../x'), { code: 'NoSuchChange' });
});

test('an agreement that one party alone may change needs no other', async t => {
	const { changes, governor, signedBy } = await start(t);
	const text = agreementText('', 'HSO or CP');
	const eased = sign(changed(founding, { 'agreement.yaml': text }), commonScope, 'HSO');
	const change = await changes.propose(bundleOf(eased, commonScope), hsoOperator, null);
	t.is(change.state, 'waiting', 'not by its own words');
	const signature = signedBy('CP', change);
	await changes.approve(change.id, cpOperator, { digest: change.digest, comment: null, signature });
	const next = sign(
		changed(governor.inForce().snapshot, { 'operations.yaml': `${table}# more\n` }),
		commonScope,
		'CP',
	);
	t.is((await changes.propose(bundleOf(next, commonScope), cpOperator, null)).state, 'taken');
});

test('signatures that were given over HTTP stay, though the policy folder never had them', async t => {
	const { changes, governor, signedBy, put, folder } = await start(t);
	const change = await changes.propose(proposal, hsoOperator, null);
	const signature = signedBy('CP', change);
	await changes.approve(change.id, cpOperator, { digest: change.digest, comment: null, signature });
	const alone = new Map([...sign(wider, commonScope, 'HSO')]);
	alone.delete('manifest.json.cp.sig');
	await put(sign(changed(alone, { 'hso/power.yaml': 'Reset:\n  hso.pre: 1 < 2\n' }), 'HSO', 'HSO'));
	await rm(join(folder, 'manifest.json.cp.sig'));
	await governor.readFolder();
	t.like(governor.inForce().parts, { common: { version: 2 }, HSO: { version: 2 } });
	t.is(governor.inForce().snapshot.get('manifest.json.cp.sig'), `${signature}\n`);
});
