import { X509Certificate } from 'node:crypto';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { accepted, isRefused } from '../outcome.fixture.ts';
import { EK, startSoftwareTpm } from '../tpm/software-tpm.fixture.ts';
import { verifyEndorsementKey } from './endorsement-certificate.ts';

const HOUR = 3_600_000;

testNeeding(
	'swtpm',
	'swtpm-tools',
	'tpm2-tools',
	'gnutls-bin',
)('an endorsement key is known by a certificate that leads to a trusted root', async t => {
	const tpm = await startSoftwareTpm(t);
	const der = (pem: Buffer) => new X509Certificate(pem).raw;
	const [root, issuer] = [der(tpm.authority.root), der(tpm.authority.issuer)];
	const trust = { roots: [root], intermediates: [issuer] };
	const now = Date.now() + HOUR;
	for (const kind of ['rsa', 'ecc'] as const) {
		await tpm.tool('tpm2_readpublic', '-c', EK[kind], '-o', `${kind}.pub`, '-f', 'tss');
		const area = await tpm.publicArea(`${kind}.pub`);
		const certificate = await tpm.ekCertificate(kind);
		const claim = { certificate, area };
		const chain = accepted(verifyEndorsementKey(claim, trust, now));
		t.is(chain.length, 3);
		t.regex(chain.at(-1) ?? '', /swtpm-localca-rootca/);

		const other = { roots: [issuer], intermediates: [root] };
		t.true(verifyEndorsementKey(claim, other, now).ok, 'a root is trusted for itself');
		isRefused(t, verifyEndorsementKey(claim, { ...trust, roots: [] }, now), 'CertificateUntrusted');
		isRefused(t, verifyEndorsementKey(claim, { ...trust, intermediates: [] }, now), 'CertificateUntrusted');
		const circle = { roots: [], intermediates: [issuer, root] };
		isRefused(t, verifyEndorsementKey(claim, circle, now), 'CertificateUntrusted');
		isRefused(t, verifyEndorsementKey(claim, trust, now - 1000 * HOUR), 'CertificateNotInForce');
		isRefused(t, verifyEndorsementKey({ certificate: issuer, area }, trust, now), 'KeyMismatch');
		for (let length = 0; length < certificate.length; length++) {
			const cut = certificate.subarray(0, length);
			t.false(verifyEndorsementKey({ certificate: cut, area }, trust, now).ok, `cut to ${length}`);
			const flipped = Buffer.from(certificate);
			flipped[length] = (flipped[length] ?? 0) ^ 0x20;
			t.false(verifyEndorsementKey({ certificate: flipped, area }, trust, now).ok, `at ${length}`);
		}
	}
	const [rsa, ecc] = [await tpm.publicArea('rsa.pub'), await tpm.ekCertificate('ecc')];
	isRefused(t, verifyEndorsementKey({ certificate: ecc, area: rsa }, trust, now), 'KeyMismatch');
	await tpm.tool(
		'tpm2_createak',
		...['-C', EK.rsa, '-c', 'ak.ctx', '-u', 'ak.pub', '-f', 'tss', '-n', 'ak.name'],
	);
	const ak = await tpm.publicArea('ak.pub');
	isRefused(t, verifyEndorsementKey({ certificate: ecc, area: ak }, trust, now), 'KeyUnfit', /is sign/);
});
