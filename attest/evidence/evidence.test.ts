// What a verifier keeps, and what a third party makes of it, without asking anybody.
import { createHash, generateKeyPairSync } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import { silentLogger } from '../../common/log/logger.ts';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { trustOf } from '../agent.fixture.ts';
import type { AttestBench } from '../attest.fixture.ts';
import { blobs } from '../model/blob.ts';
import { records } from '../model/evidence-record.ts';
import { passages } from '../model/passage.ts';
import { goodPolicy, startNode } from '../node.fixture.ts';
import { nextPassage } from '../passage/journal.ts';
import { somePassage } from '../passage/passage.fixture.ts';
import { createRetention, thin } from '../verifier/retention.ts';
import { readEvidence } from './evidence-file.ts';
import { verifyEvidence } from './verify-evidence.ts';

const test = testNeeding('swtpm', 'swtpm-tools', 'tpm2-tools', 'gnutls-bin');

async function admitted(t: ExecutionContext) {
	const { node, bench } = await startNode(t);
	await bench.ok('PUT', '/verifier/v1/policies/red/default', { policy: goodPolicy }, 'alice');
	await node.register();
	const { id } = await bench.ok('POST', '/verifier/v1/admissions', { node: 'n1', project: 'red' }, 'alice');
	return { node, bench, id: String(id) };
}

async function exported({ url }: AttestBench, id: string): Promise<string> {
	const authorization = `Basic ${Buffer.from('alice:alice').toString('base64')}`;
	const answer = await fetch(`${url}/verifier/v1/admissions/${id}/evidence`, { headers: { authorization } });
	return answer.text();
}

test('every quote, log and verdict is kept once, and comes out the same when others judge it', async t => {
	const { node, bench, id } = await admitted(t);
	await node.round({ qualifying: Buffer.alloc(32) });
	await node.round();
	bench.clock.advance(1000);
	await node.round();
	await node.run();
	await node.round();
	await node.run();
	t.like((await node.round()).body, { state: 'revoked' });
	const text = await exported(bench, id);
	const file = readEvidence(text, bench.key);
	t.like(file.head.admission, { id, node: 'n1', state: 'revoked' });
	const verified = verifyEvidence(file, trustOf(node.tpm));
	t.deepEqual(verified.problems, []);
	t.is(verified.thinned, 0);
	t.regex(verified.chain?.at(-1) ?? '', /swtpm-localca-rootca/);
	t.deepEqual(
		verified.rounds.map(({ found }) => found),
		['NonceWrong', 'accepted', 'accepted', 'accepted', 'FileNotAllowed'],
	);
	t.regex(verified.rounds.at(-1)?.reason ?? '', /entry 22 of the IMA list/);

	// Somebody else's roots; nobody's; another verifier's key; a byte that was changed.
	const strange = verifyEvidence(file, { roots: [], intermediates: [] });
	t.regex(strange.problems.join(), /CertificateUntrusted/);
	t.is(verifyEvidence(file).chain, undefined);
	const other = generateKeyPairSync('ed25519').publicKey;
	t.throws(() => readEvidence(text, other), { code: 'EvidenceForeign', message: /another key/ });
	const changed = text.replace('"verdict":"FileNotAllowed"', '"verdict":"accepted"');
	t.throws(() => readEvidence(changed, bench.key), { code: 'EvidenceForeign', message: /was changed/ });
	t.throws(() => readEvidence(text.split('\n').slice(0, -3).join('\n')), { code: 'EvidenceUnreadable' });
	t.throws(() => readEvidence(''), { code: 'EvidenceUnreadable' });

	// A verifier that lies about a verdict signs its own lie.
	const lying = { ...file, records: file.records.map(one => ({ ...one, verdict: 'accepted' })) };
	t.deepEqual(verifyEvidence(lying).problems, [
		'round 0 was recorded as accepted, and comes out as NonceWrong',
		'round 4 was recorded as accepted, and comes out as FileNotAllowed',
	]);
	const without = { ...file, records: file.records.filter(({ number }) => number !== 3) };
	t.regex(
		verifyEvidence(without).problems.join(),
		/round 4 was recorded as FileNotAllowed, and comes out as LogMismatch/,
	);
	t.is(verifyEvidence({ ...file, records: [...file.records].reverse() }).problems.length > 0, true);
});

test('plain rounds are thinned out, and what is over is forgotten with what nothing else needs', async t => {
	const { node, bench, id } = await admitted(t);
	const { store, clock } = bench;
	for (let round = 0; round < 3; round++) await node.round();
	const all = await store.read(tx => tx.list(records));
	t.deepEqual(
		all.map(({ document }) => document.bootLog === null),
		[false, true, true],
	);
	await store.transact(async tx => {
		const last = all[2]?.document;
		if (!last) throw new Error('there is one');
		for (let number = 3; number < 1300; number++) {
			await tx.insert(records, `${id}.${String(number).padStart(10, '0')}`, { ...last, number });
			if (number % 100 === 99) await thin(tx, id, number);
		}
	});
	const kept = await store.read(tx => tx.list(records));
	t.is(kept.length, 1001);
	t.is(kept[0]?.document.number, 0);
	t.is(kept[1]?.document.number, 300);
	const file = readEvidence(await exported(bench, id));
	t.is(verifyEvidence({ ...file, records: file.records.slice(0, 1) }).thinned, 0);
	t.is(verifyEvidence({ ...file, records: file.records.slice(0, 2) }).thinned, 299);

	const retention = createRetention({ store, clock, logger: silentLogger, keep: 1000 });
	t.teardown(() => retention.close());
	await bench.ok('POST', `/verifier/v1/admissions/${id}/end`, {}, 'alice');
	await store.transact(async tx => {
		const over = nextPassage(somePassage(), { kind: 'left' }, clock.now());
		await tx.insert(passages, 'over', over);
		await tx.insert(passages, 'open', somePassage());
	});
	retention.wake();
	await retention.idle();
	t.is(await store.read(tx => tx.count(passages)), 2);
	t.is(await store.read(tx => tx.count(records)), 1001);
	clock.advance(1001);
	retention.wake();
	await retention.idle();
	t.is(await store.read(tx => tx.count(records)), 0);
	t.deepEqual(
		(await store.read(tx => tx.list(passages))).map(one => one.id),
		['open'],
	);
	t.is((await bench.call('GET', `/verifier/v1/admissions/${id}`, undefined, 'alice')).status, 404);
	const left = await store.read(tx => tx.list(blobs));
	const policy = createHash('sha256').update(JSON.stringify(goodPolicy)).digest('hex');
	t.deepEqual(
		left.map(blob => blob.id),
		[policy],
		'the policy still has a name',
	);
});
