// From a good quote to a payload opened on the node, over HTTP and with a TPM that we did not write; and who sees what.
import {
	constants,
	createDecipheriv,
	createHash,
	createHmac,
	generateKeyPairSync,
	pbkdf2Sync,
	privateDecrypt,
} from 'node:crypto';
import type { ExecutionContext } from 'ava';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { openPayload } from '../agent/open-payload.fixture.ts';
import { activate, reboot, trustOf } from '../agent.fixture.ts';
import type { AttestBench } from '../attest.fixture.ts';
import { preparePayload } from '../client/prepare-payload.ts';
import { type EvidenceFile, readEvidence } from '../evidence/evidence-file.ts';
import { admissions } from '../model/admission.ts';
import { payloads } from '../model/payload.ts';
import { goodPolicy, startNode, type TestNode } from '../node.fixture.ts';
import { joinParts } from './sealed-payload.ts';

const test = testNeeding('swtpm', 'swtpm-tools', 'tpm2-tools', 'gnutls-bin', 'openssl');
const secret = Buffer.from('LUKS key of the root disk: correct horse battery staple\n');

async function attested(t: ExecutionContext) {
	const { node, bench } = await startNode(t);
	await bench.ok('PUT', '/verifier/v1/policies/red/default', { policy: goodPolicy }, 'alice');
	await node.register();
	const { id } = await bench.ok('POST', '/verifier/v1/admissions', { node: 'n1', project: 'red' }, 'alice');
	await node.round();
	const admission = String(id);
	const file = readEvidence(await evidenceOf(bench, admission), bench.key);
	const expected = { admission, node: 'n1', project: 'red', trust: trustOf(node.tpm) };
	return { node, bench, admission, file, expected };
}

async function evidenceOf({ url }: AttestBench, id: string): Promise<string> {
	const authorization = `Basic ${Buffer.from('alice:alice').toString('base64')}`;
	return (await fetch(`${url}/verifier/v1/admissions/${id}/evidence`, { headers: { authorization } })).text();
}

const put = ({ call }: AttestBench, id: string, body: object, who = 'alice') =>
	call('PUT', `/verifier/v1/admissions/${id}/payload`, body, who);

/** In the shell, as a node does it. */
async function openOnNode(node: TestNode, body: Record<string, unknown>): Promise<string> {
	const { code, out, err } = await openPayload(node.tpm, body, {
		key: node.privateKey,
	});
	if (code !== 0) throw new Error(err);
	return out.toString();
}

test('the tenant verifies, releases once, and the node opens it after its next good round', async t => {
	const { node, bench, admission, file, expected } = await attested(t);
	t.is(
		(await bench.call('GET', `/verifier/v1/admissions/${admission}/payload`, undefined, 'alice')).status,
		404,
	);
	t.like((await node.round({ wantsPayload: true })).body, {
		payload: null,
		payloadT: null,
		payloadU: null,
		payloadV: null,
	});
	const { release, node: trusted } = preparePayload(file, expected, secret);
	t.is(trusted.nodeKey.toString('base64'), node.nodeKey);
	t.is((await put(bench, admission, release, 'bob')).status, 404);
	t.is((await put(bench, admission, { ...release, v: 'AAAA' })).status, 400);
	const another = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;
	const nodeKey = another.export({ type: 'spki', format: 'der' }).toString('base64');
	t.like(await put(bench, admission, { ...release, nodeKey }), { status: 409, body: { code: 'KeysDiffer' } });
	const kept = await put(bench, admission, release);
	t.like(kept, { status: 200, body: { releasedBy: 'alice', deliveredAt: null } });

	// Set once: whoever comes later, though it be an administrator, exchanges any part (CVE-2021-43310).
	const second = preparePayload(file, expected, Buffer.from('mine')).release;
	for (const who of ['alice', 'root'])
		t.like(await put(bench, admission, second, who), { status: 409, body: { code: 'PayloadSet' } });

	// Evidence that is refused gets nothing, though the node stays attested; nor does who did not ask.
	const stray = await node.round({ qualifying: Buffer.alloc(32), wantsPayload: true });
	t.like(stray.body, { state: 'attested', payload: null, payloadU: null, payloadV: null });
	t.like((await node.round()).body, { state: 'attested', payload: null, payloadV: null });
	t.is((await bench.store.read(tx => tx.get(payloads, admission)))?.deliveredAt, null);

	const { body } = await node.round({ wantsPayload: true });
	t.is(await openOnNode(node, body), secret.toString());
	t.is((await openHere(node, body)).toString(), secret.toString());
	const shownAt = `/verifier/v1/admissions/${admission}/payload`;
	t.like(await bench.ok('GET', shownAt, undefined, 'alice'), {
		deliveredAt: bench.clock.now(),
		size: secret.length + 48,
	});
	// Asked for again, as after an answer that was lost: the same, and the first time stands.
	bench.clock.advance(1000);
	t.is(await openOnNode(node, (await node.round({ wantsPayload: true })).body), secret.toString());
	t.like(await bench.ok('GET', shownAt, undefined, 'alice'), { deliveredAt: bench.clock.now() - 1000 });
});

test('trap: a reboot, an end, a revocation: the payload is gone, and none is taken for what is over', async t => {
	const { node, bench, admission, file, expected } = await attested(t);
	const { release } = preparePayload(file, expected, secret);
	t.is((await put(bench, admission, release)).status, 200);
	await reboot(node.tpm, 'state');
	const after = await node.round({ wantsPayload: true });
	t.like(after.body, { state: 'revoked', payload: null, payloadU: null, payloadV: null });
	t.is(await bench.store.read(tx => tx.count(payloads)), 0);
	t.like(await put(bench, admission, release), { status: 409, body: { code: 'NotAttested' } });
	// The file of evidence says so as well: no tenant releases anything by it.
	const over = readEvidence(await evidenceOf(bench, admission));
	t.throws(() => preparePayload(over, expected, secret), { code: 'EvidenceRefused', message: /is revoked/ });
	// A lease that ran out is over before anybody sweeps.
	const { id } = await bench.ok('POST', '/verifier/v1/admissions', { node: 'n1', project: 'red' }, 'alice');
	t.like(await put(bench, String(id), release), { status: 409, body: { code: 'NotAttested' } });
});

test('trap: a tenant releases nothing to a node that its own eyes do not find good', async t => {
	const { file, expected } = await attested(t);
	const { head } = file;
	const fails = (changed: EvidenceFile, why: RegExp, more: object = {}) =>
		t.throws(() => preparePayload(changed, { ...expected, ...more }, secret), {
			code: 'EvidenceRefused',
			message: why,
		});
	fails(file, /CertificateUntrusted/, { trust: { roots: [], intermediates: [] } });
	fails(file, /below the endorsement key [0-9a-f]{64}, not 0{64}/, { fingerprint: '0'.repeat(64) });
	fails(file, /judged by policy [0-9a-f]{64}, and not by 0{64}/, { policy: '0'.repeat(64) });
	fails(file, /of admission .* of node n1/, { node: 'n2' });
	fails(file, /of admission/, { admission: 'another' });
	fails({ ...file, records: [] }, /no round of it was good/);
	fails({ ...file, head: { ...head, admission: { ...head.admission, state: 'waiting' } } }, /is waiting/);
	// The verifier would like to read it: it puts a key of its own in the node's place.
	const own = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;
	const nodeKey = own.export({ type: 'spki', format: 'der' }).toString('base64');
	const [digest = ''] = file.records.map(({ keys }) => keys);
	const keys = JSON.parse(String(file.blobs.get(digest))) as object;
	const blobs = new Map(file.blobs).set(digest, Buffer.from(JSON.stringify({ ...keys, nodeKey })));
	fails({ ...file, blobs }, /recorded as accepted, and comes out as NonceWrong/);
	for (const length of [0, 64 * 1024 + 1])
		t.throws(() => preparePayload(file, expected, Buffer.alloc(length)), { code: 'PayloadTooLarge' });
});

test('nobody but the node can make the key of what they have seen', async t => {
	const { node, bench, admission, file, expected } = await attested(t);
	const known: Buffer[] = [];
	const { release } = preparePayload(file, expected, secret, size => {
		const made = createHash('sha256').update(`part ${known.length}`).digest().subarray(0, size);
		known.push(made);
		return made;
	});
	const [part, u, v] = known;
	if (!part || !u || !v) throw new Error('three parts were made');
	const key = joinParts({ t: part, u, v });
	t.is((await put(bench, admission, release)).status, 200);
	const { body } = await node.round({ wantsPayload: true });
	const shown = await Promise.all(
		['', '/payload', '/evidence'].map(async end => {
			const authorization = `Basic ${Buffer.from('root:root').toString('base64')}`;
			const url = `${bench.url}/verifier/v1/admissions/${admission}${end}`;
			return (await fetch(url, { headers: { authorization } })).text();
		}),
	);
	const stored = await bench.store.read(async tx =>
		JSON.stringify([await tx.list(payloads), await tx.list(admissions)]),
	);
	const views: Readonly<Record<string, string>> = {
		// What the verifier was sent, keeps and shows; it may know its own half.
		verifier: JSON.stringify([release, body, file.head]) + stored + shown.join(''),
		// Whoever gets at the store, or listens to what nodes and members are answered, without TLS even.
		store: stored,
		network: JSON.stringify(body),
		members: shown.join(''),
	};
	for (const [who, view] of Object.entries(views)) {
		for (const [what, bytes] of Object.entries({ key, t: part, u, secret }))
			t.false(holds(view, bytes), `${who} has seen ${what}`);
		t.is(holds(view, v), who === 'verifier', `${who} and the verifier's half`);
		// Nor does anything that was seen, xor its part and any of the two others, come to the key.
		const seen = [...view.matchAll(/[A-Za-z0-9+/]{43}=/g)].map(([text]) => Buffer.from(text, 'base64'));
		for (const each of seen)
			for (const other of each.length === 32 ? [part, u] : [])
				t.false(joinParts({ t: other, u: each, v }).equals(key), `${who} can make the key`);
	}
	// With the TPM and the node key it is three calls: what is asserted above is not true of just anything.
	t.deepEqual(await keyHere(node, body), key);
});

const holds = (view: string, bytes: Buffer): boolean =>
	['base64', 'base64url', 'hex', 'latin1'].some(encoding =>
		view.includes(bytes.toString(encoding as BufferEncoding).replace(/=+$/, '')),
	);

async function keyHere({ tpm, privateKey: key }: TestNode, body: Record<string, unknown>): Promise<Buffer> {
	const part = (name: string): Buffer =>
		privateDecrypt(
			{ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
			Buffer.from(String(body[name]), 'base64'),
		);
	return joinParts({
		t: await activate(tpm, String(body.payloadT)),
		u: part('payloadU'),
		v: part('payloadV'),
	});
}

async function openHere(node: TestNode, body: Record<string, unknown>): Promise<Buffer> {
	const sealed = Buffer.from(String(body.payload), 'base64');
	const password = createHmac('sha256', await keyHere(node, body))
		.update('encrypt')
		.digest('hex');
	const made = pbkdf2Sync(password, sealed.subarray(8, 16), 1, 48, 'sha256');
	const decipher = createDecipheriv('aes-256-ctr', made.subarray(0, 32), made.subarray(32));
	return decipher.update(sealed.subarray(16, -32));
}
