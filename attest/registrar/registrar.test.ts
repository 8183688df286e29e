// The registrar over HTTP, with TPMs that we did not write. Each trap is one that another registrar fell into.
import { createHmac } from 'node:crypto';
import { connect } from 'node:net';
import ava from 'ava';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { answerTo, fingerprintOf, makeKey, shownKeys, trustOf } from '../agent.fixture.ts';
import { startAttest } from '../attest.fixture.ts';
import { registrations } from '../model/registration.ts';
import { EK, startSoftwareTpm } from '../tpm/software-tpm.fixture.ts';

const test = testNeeding('swtpm', 'swtpm-tools', 'tpm2-tools', 'gnutls-bin');
const NODE = '/registrar/v1/enrolments/n1';
const BEGIN = '/registrar/v1/agent/registrations';
const FOUND = '/registrar/v1/nodes/n1/registration';
const activation = (of: Record<string, unknown>) => `${BEGIN}/${String(of.registration)}/activation`;

test('a TPM that is enrolled proves its attestation key, and is found by its node', async t => {
	const tpm = await startSoftwareTpm(t);
	const bench = await startAttest(t, { trust: trustOf(tpm) });
	await makeKey(tpm);
	const keys = await shownKeys(tpm);
	t.like(await bench.call('POST', BEGIN, { node: 'n1', ...keys }), {
		status: 404,
		body: { code: 'NotEnrolled' },
	});
	const fingerprint = await fingerprintOf(tpm);
	await bench.ok('PUT', NODE, { fingerprint }, 'root');
	const begun = await bench.ok('POST', BEGIN, { node: 'n1', ...keys });
	t.is(
		(await bench.call('GET', FOUND, undefined, 'alice')).status,
		404,
		'nothing counts before it is proven',
	);
	const done = await bench.ok('POST', activation(begun), { proof: await answerTo(tpm, begun) });
	t.like(done, { node: 'n1', state: 'active', fingerprint, ...keys });
	t.deepEqual(await bench.ok('GET', FOUND, undefined, 'alice'), done);
	t.false(JSON.stringify(done).includes('proof'));

	// A second key, as after a reboot: the first no longer counts, and stays on record as what it was.
	await makeKey(tpm, 'second');
	const again = await bench.ok('POST', BEGIN, { node: 'n1', ...(await shownKeys(tpm, 'second')) });
	await bench.ok('POST', activation(again), { proof: await answerTo(tpm, again, 'second') });
	t.is((await bench.ok('GET', FOUND, undefined, 'alice')).id, again.registration);
	const first = await bench.ok('GET', `/registrar/v1/registrations/${String(done.id)}`, undefined, 'alice');
	t.like(first, { state: 'ended', ak: keys.ak });

	await bench.ok('DELETE', NODE, undefined, 'root');
	t.is((await bench.call('GET', FOUND, undefined, 'alice')).status, 404);
});

test('trap: the same name with another TPM is refused, whatever its certificate is worth', async t => {
	const [tpm, other] = [await startSoftwareTpm(t), await startSoftwareTpm(t)];
	const bench = await startAttest(t, { trust: trustOf(tpm, other) });
	for (const one of [tpm, other]) await makeKey(one);
	const fingerprint = await fingerprintOf(tpm);
	await bench.ok('PUT', NODE, { fingerprint }, 'root');
	const refused = await bench.call('POST', BEGIN, { node: 'n1', ...(await shownKeys(other)) });
	t.like(refused, { status: 422, body: { code: 'RegistrationRefused' } });
	t.regex(String(refused.body.detail), new RegExp(`^KeyMismatch: node n1 is enrolled with .*${fingerprint}`));
	// Nor can an administrator put another one in its place, or the same on two nodes, without saying so first.
	const second = { fingerprint: await fingerprintOf(other) };
	t.like((await bench.call('PUT', NODE, second, 'root')).body, { code: 'EnrolmentDiffers' });
	t.like((await bench.call('PUT', '/registrar/v1/enrolments/n2', { fingerprint }, 'root')).body, {
		code: 'EndorsementKeyTaken',
	});
	// Its own certificate with the other's key, and a certificate of nobody that is trusted.
	const mixed = { ...(await shownKeys(tpm)), ekCertificate: (await shownKeys(other)).ekCertificate };
	t.regex(String((await bench.call('POST', BEGIN, { node: 'n1', ...mixed })).body.detail), /^KeyMismatch/);
	const strict = await startAttest(t, { trust: trustOf(other) });
	await strict.ok('PUT', NODE, { fingerprint }, 'root');
	t.regex(
		String((await strict.call('POST', BEGIN, { node: 'n1', ...(await shownKeys(tpm)) })).body.detail),
		/^CertificateUntrusted/,
	);
});

test('trap: a failed activation leaves the record as it was', async t => {
	const tpm = await startSoftwareTpm(t);
	const bench = await startAttest(t, { trust: trustOf(tpm) });
	await makeKey(tpm);
	await bench.ok('PUT', NODE, { fingerprint: await fingerprintOf(tpm) }, 'root');
	const shown = { node: 'n1', ...(await shownKeys(tpm)) };
	const begun = await bench.ok('POST', BEGIN, shown);
	const done = await bench.ok('POST', activation(begun), { proof: await answerTo(tpm, begun) });
	const next = await bench.ok('POST', BEGIN, shown);
	const wrong = createHmac('sha256', 'a guess').update(String(next.registration)).digest('hex');
	t.like(await bench.call('POST', activation(next), { proof: wrong }), {
		status: 403,
		body: { code: 'ActivationRefused' },
	});
	t.deepEqual(await bench.ok('GET', FOUND, undefined, 'root'), done, 'who it was, it is');
	// The right answer still counts, once, and in its time.
	const proof = await answerTo(tpm, next);
	await bench.ok('POST', activation(next), { proof });
	t.is((await bench.call('POST', activation(next), { proof })).status, 403, 'once');
	const late = await bench.ok('POST', BEGIN, shown);
	const lateProof = await answerTo(tpm, late);
	bench.clock.advance(120_000);
	t.is((await bench.call('POST', activation(late), { proof: lateProof })).status, 403, 'too late');
	t.is((await bench.ok('GET', FOUND, undefined, 'root')).id, next.registration);
});

test('trap: an attestation key that signs what it is given is refused before it is proven', async t => {
	const tpm = await startSoftwareTpm(t);
	const bench = await startAttest(t, { trust: trustOf(tpm) });
	await bench.ok('PUT', NODE, { fingerprint: await fingerprintOf(tpm) }, 'root');
	await tpm.tool('tpm2_createprimary', '-C', 'o', '-c', 'parent.ctx');
	await tpm.tool(
		'tpm2_create',
		...['-C', 'parent.ctx', '-G', 'ecc256:ecdsa-sha256:null', '-c', 'free.ctx', '-u', 'free.bin'],
		...['-a', 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign', '-r', 'free.priv'],
	);
	await tpm.tool('tpm2_readpublic', '-c', 'free.ctx', '-o', 'free.pub', '-f', 'tss');
	const refused = await bench.call('POST', BEGIN, { node: 'n1', ...(await shownKeys(tpm, 'free')) });
	t.regex(String(refused.body.detail), /^KeyUnfit: the attestation key is not restricted/);
	// The endorsement key itself is none either.
	await tpm.tool('tpm2_readpublic', '-c', EK.ecc, '-o', 'as-ak.pub', '-f', 'tss');
	const own = await bench.call('POST', BEGIN, { node: 'n1', ...(await shownKeys(tpm, 'as-ak')) });
	t.regex(String(own.body.detail), /^KeyUnfit/);
});

test('trap: an attestation key of another TPM is never proven by this one', async t => {
	const [tpm, other] = [await startSoftwareTpm(t), await startSoftwareTpm(t)];
	const bench = await startAttest(t, { trust: trustOf(tpm, other) });
	for (const one of [tpm, other]) await makeKey(one);
	await bench.ok('PUT', NODE, { fingerprint: await fingerprintOf(tpm) }, 'root');
	const { ek, ekCertificate } = await shownKeys(tpm);
	const { ak } = await shownKeys(other);
	const begun = await bench.ok('POST', BEGIN, { node: 'n1', ek, ekCertificate, ak });
	await t.throwsAsync(answerTo(tpm, begun), { message: /tpm2_activatecredential/ });
	await t.throwsAsync(answerTo(other, begun), { message: /tpm2_activatecredential/ });
});

test('what waits for an answer is bounded, and the oldest makes room: nobody keeps a node out by filling its places', async t => {
	const tpm = await startSoftwareTpm(t);
	const bench = await startAttest(t, { trust: trustOf(tpm) });
	await makeKey(tpm);
	await bench.ok('PUT', NODE, { fingerprint: await fingerprintOf(tpm) }, 'root');
	const shown = { node: 'n1', ...(await shownKeys(tpm)) };
	const pushedOut = await bench.ok('POST', BEGIN, shown);
	for (let count = 0; count < 64; count++) {
		bench.clock.advance(1);
		await bench.ok('POST', BEGIN, shown);
	}
	t.is(await bench.store.read(tx => tx.count(registrations)), 64);
	// The node comes after all of them, and a few more come after it.
	bench.clock.advance(1);
	const own = await bench.ok('POST', BEGIN, shown);
	for (let count = 0; count < 3; count++) {
		bench.clock.advance(1);
		await bench.ok('POST', BEGIN, shown);
	}
	const activation = (id: unknown) => `/registrar/v1/agent/registrations/${String(id)}/activation`;
	const late = await bench.call('POST', activation(pushedOut.registration), { proof: '0'.repeat(64) });
	t.like(late, { status: 403, body: { code: 'ActivationRefused' } });
	const proof = await answerTo(tpm, own);
	t.like(await bench.ok('POST', activation(own.registration), { proof }), { state: 'active' });
	bench.clock.advance(120_000);
	await bench.ok('POST', BEGIN, shown);
	// What was too late is gone: the active one and the one that waits now.
	t.is(await bench.store.read(tx => tx.count(registrations)), 2);
	const padded = Buffer.concat([Buffer.from(shown.ekCertificate, 'base64'), Buffer.alloc(100, 0xff)]);
	await bench.ok('POST', BEGIN, { ...shown, ekCertificate: padded.toString('base64') });
	padded[padded.length - 1] = 1;
	const odd = await bench.call('POST', BEGIN, { ...shown, ekCertificate: padded.toString('base64') });
	t.regex(String(odd.body.detail), /^Malformed: .* something after its end/);
});

ava('trap: a connection that says nothing keeps nobody else waiting', async t => {
	const bench = await startAttest(t);
	const { port, hostname } = new URL(bench.url);
	const silent = connect(Number(port), hostname);
	t.teardown(() => silent.destroy());
	await new Promise(resolve => silent.once('connect', resolve));
	silent.write(
		`POST ${BEGIN} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
	);
	t.is((await bench.call('GET', '/registrar/v1/me', undefined, 'alice')).status, 200);
});

ava('what is malformed is a refusal with its reason', async t => {
	const bench = await startAttest(t);
	await bench.ok('PUT', NODE, { fingerprint: '0'.repeat(64) }, 'root');
	const shown = { node: 'n1', ek: 'AAAA', ekCertificate: 'AAAA', ak: 'AAAA' };
	const refused = await bench.call('POST', BEGIN, shown);
	t.is(refused.status, 422);
	t.regex(String(refused.body.detail), /^Malformed: the endorsement key’s public area/);
	t.is((await bench.call('POST', BEGIN, { ...shown, more: 1 })).status, 400);
	t.is((await bench.call('PUT', NODE, { fingerprint: '0'.repeat(64) })).status, 401);
	t.is((await bench.call('PUT', NODE, { fingerprint: '0'.repeat(64) }, 'alice')).status, 403);
	const api = await bench.ok('GET', '/registrar/v1/openapi.json', undefined, 'alice');
	t.true('/registrar/v1/agent/registrations' in (api.paths as object));
});
