// A registrar and a verifier that lie together: they say that a key of their own is in the node's TPM. No evidence can show
// that to be a lie, but what the tenant seals is of no use to them.
import { constants, createHash, generateKeyPairSync, privateDecrypt, sign } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { openPayload } from '../agent/open-payload.fixture.ts';
import { activate, fingerprintOf, shownKeys, trustOf } from '../agent.fixture.ts';
import type { AttestBench } from '../attest.fixture.ts';
import { preparePayload } from '../client/prepare-payload.ts';
import { readEvidence } from '../evidence/evidence-file.ts';
import { qualifiedName } from '../judge/continuity.ts';
import { registrations } from '../model/registration.ts';
import { goodPolicy, startNode, type TestNode } from '../node.fixture.ts';
import { accepted } from '../outcome.fixture.ts';
import { parsePublicArea } from '../tpm/public-area.ts';

const test = testNeeding('swtpm', 'swtpm-tools', 'tpm2-tools', 'gnutls-bin', 'openssl');

const u16 = (number: number): Buffer => Buffer.of(number >> 8, number & 255);
const sized = (bytes: Buffer): Buffer => Buffer.concat([u16(bytes.length), bytes]);

/** An attestation key by its public area, which says that it is in a TPM; it is here. */
function forgeKey() {
	const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
	const point = publicKey.export({ type: 'spki', format: 'der' }).subarray(-64);
	const area = Buffer.concat([
		...[u16(0x23), u16(0x0b), Buffer.from('00050072', 'hex'), sized(Buffer.alloc(0))],
		...[u16(0x10), u16(0x18), u16(0x0b), u16(3), u16(0x10)],
		...[sized(point.subarray(0, 32)), sized(point.subarray(32))],
	]);
	return { privateKey, ak: sized(area) };
}

/** Says in the registrar's records that the key is the node's, and answers as the node would. */
async function forgeNode(node: TestNode, bench: AttestBench) {
	const { privateKey, ak } = forgeKey();
	const { ek, ekCertificate } = await shownKeys(node.tpm);
	const now = bench.clock.now();
	const document = {
		...{ state: 'active' as const, node: node.name, fingerprint: await fingerprintOf(node.tpm) },
		...{ ek, ekCertificate, ak: ak.toString('base64'), chain: [], askedAt: now, activatedAt: now },
	};
	await bench.store.transact(tx => tx.insert(registrations, 'forged', document));
	const own = generateKeyPairSync('rsa', { modulusLength: 2048 });
	const nodeKey = own.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
	const signer = qualifiedName(
		accepted(parsePublicArea(Buffer.from(ek, 'base64'))),
		accepted(parsePublicArea(ak)),
	);
	const round = async () => {
		const asked = { node: node.name, registration: 'forged', nodeKey };
		const question = await bench.ok('POST', '/verifier/v1/agent/questions', asked);
		const shown = (await node.prepare(question, { wantsPayload: true })) as Record<string, string>;
		// A quote of whatever they like, here what a good node's would be, in the name of their key.
		const quoted = Buffer.from(String(shown.message), 'base64');
		const rest = quoted.subarray(8 + quoted.readUInt16BE(6));
		const message = Buffer.concat([quoted.subarray(0, 6), sized(signer), rest]);
		const raw = sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' });
		const signature = Buffer.concat([
			...[u16(0x18), u16(0x0b), sized(raw.subarray(0, 32)), sized(raw.subarray(32))],
		]);
		return bench.ok('POST', '/verifier/v1/agent/answers', {
			...shown,
			message: message.toString('base64'),
			signature: signature.toString('base64'),
		});
	};
	return { ak, own, round };
}

test('trap: who forges an attestation key is attested, and released a payload, and cannot read it', async t => {
	const { node, bench } = await startNode(t);
	const { tpm } = node;
	await bench.ok('PUT', '/verifier/v1/policies/red/default', { policy: goodPolicy }, 'alice');
	const { ak, own, round } = await forgeNode(node, bench);
	const { id } = await bench.ok('POST', '/verifier/v1/admissions', { node: 'n1', project: 'red' }, 'alice');
	const admission = String(id);
	t.like(await round(), { state: 'attested', refusal: null });
	const authorization = `Basic ${Buffer.from('alice:alice').toString('base64')}`;
	const at = `${bench.url}/verifier/v1/admissions/${admission}/evidence`;
	const file = readEvidence(await (await fetch(at, { headers: { authorization } })).text(), bench.key);
	// The tenant judges for itself, and finds nothing.
	const expected = { admission, node: 'n1', project: 'red', trust: trustOf(tpm) };
	const drawn: Buffer[] = [];
	const { release } = preparePayload(file, expected, Buffer.from('the key of a disk'), size => {
		const bytes = createHash('sha256').update(`part ${drawn.length}`).digest().subarray(0, size);
		drawn.push(bytes);
		return bytes;
	});
	await bench.ok('PUT', `/verifier/v1/admissions/${admission}/payload`, release, 'alice');
	const shown = await round();
	const credential = String(shown.payloadT);
	const key = own.privateKey;
	const oaep = { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
	const parts = [shown.payloadU, shown.payloadV].map(text =>
		privateDecrypt(oaep, Buffer.from(String(text), 'base64')),
	);
	t.deepEqual(parts, drawn.slice(1, 3), 'they have U and V');
	// T is for the TPM, and only with the key that is not in it.
	const byOwn = await openPayload(tpm, shown, { key });
	t.regex(byOwn.err, /payloadT is not for this TPM and this attestation key/);
	t.is(byOwn.out.length, 0);
	await t.throwsAsync(activate(tpm, credential), { message: /integrity check failed/ });
	// A TPM loads the public half of any key, whatever it says of itself; but nobody acts for such a key.
	await writeFile(path.join(tpm.folder, 'forged.pub'), ak);
	await tpm.tool('tpm2_loadexternal', '-C', 'e', '-u', 'forged.pub', '-c', 'forged.ctx');
	await t.throwsAsync(activate(tpm, credential, 'forged'), {
		message: /authValue or authPolicy is not available/,
	});
});
