// Chains that swtpm's authority does not make: each is wrong in one way.
import { X509Certificate } from 'node:crypto';
import test from 'ava';
import forge from 'node-forge';
import { accepted, isRefused } from '../outcome.fixture.ts';
import { parsePublicArea } from '../tpm/public-area.ts';
import { verifyEndorsementKey } from './endorsement-certificate.ts';

const EK_ATTRIBUTES = 0x300b2;
const NOW = Date.UTC(2030, 0, 1);
const DAY = 86_400_000;
type Keys = forge.pki.rsa.KeyPair;
const [rootKeys, issuerKeys, ekKeys] = [1, 2, 3].map(() => forge.pki.rsa.generateKeyPair(2048)) as [
	Keys,
	Keys,
	Keys,
];

interface Made {
	subject: string;
	issuer: string;
	keys: Keys;
	signer: Keys;
	extensions: object[];
	days?: readonly [number, number];
	sha1?: boolean;
}

function make({ subject, issuer, keys, signer, extensions, days = [-10, 10], sha1 }: Made): Buffer {
	const certificate = forge.pki.createCertificate();
	certificate.publicKey = keys.publicKey;
	certificate.serialNumber = '01';
	certificate.validity.notBefore = new Date(NOW + days[0] * DAY);
	certificate.validity.notAfter = new Date(NOW + days[1] * DAY);
	certificate.setSubject([{ name: 'commonName', value: subject }]);
	certificate.setIssuer([{ name: 'commonName', value: issuer }]);
	certificate.setExtensions(extensions);
	certificate.sign(signer.privateKey, sha1 ? forge.md.sha1.create() : forge.md.sha256.create());
	return Buffer.from(forge.asn1.toDer(forge.pki.certificateToAsn1(certificate)).getBytes(), 'latin1');
}

const AUTHORITY = [
	{ name: 'basicConstraints', cA: true, critical: true },
	{ name: 'keyUsage', keyCertSign: true },
];
const ENDORSEMENT = [
	{ name: 'basicConstraints', cA: false },
	{ name: 'keyUsage', keyEncipherment: true, critical: true },
	{ name: 'extKeyUsage', '2.23.133.8.1': true },
];
const root = (extensions: object[] = AUTHORITY) =>
	make({ subject: 'root', issuer: 'root', keys: rootKeys, signer: rootKeys, extensions });
const issuer = (changes: Partial<Made> = {}) =>
	make({
		...{ subject: 'issuer', issuer: 'root', keys: issuerKeys, signer: rootKeys, extensions: AUTHORITY },
		...changes,
	});
const endorsement = (changes: Partial<Made> = {}) =>
	make({
		...{ subject: 'ek', issuer: 'issuer', keys: ekKeys, signer: issuerKeys, extensions: ENDORSEMENT },
		...changes,
	});

const sized = (bytes: Buffer) => Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
const modulus = Buffer.from(ekKeys.publicKey.n.toString(16), 'hex');
const head = `0001000b${EK_ATTRIBUTES.toString(16).padStart(8, '0')}0000000600800043001008000000${'0000'}`;
const area = accepted(parsePublicArea(sized(Buffer.concat([Buffer.from(head, 'hex'), sized(modulus)]))));
const judge = (certificate: Buffer, middle = issuer(), top = root()) =>
	verifyEndorsementKey({ certificate, area }, { roots: [top], intermediates: [middle] }, NOW);

test('a chain that is in order is accepted', t => {
	t.deepEqual(accepted(judge(endorsement())), ['CN=ek', 'CN=issuer', 'CN=root']);
	t.is(new X509Certificate(endorsement()).subject, 'CN=ek');
});

test('a certificate that is not of an endorsement key is refused', t => {
	const [basic, usage, purpose] = ENDORSEMENT;
	if (!basic || !usage || !purpose) return t.fail('there are three');
	isRefused(t, judge(endorsement({ extensions: [basic, usage] })), 'CertificateUnfit', /2\.23\.133\.8\.1/);
	const server = { name: 'extKeyUsage', serverAuth: true };
	isRefused(t, judge(endorsement({ extensions: [basic, usage, server] })), 'CertificateUnfit');
	const authority = { name: 'basicConstraints', cA: true };
	isRefused(
		t,
		judge(endorsement({ extensions: [authority, usage, purpose] })),
		'CertificateUnfit',
		/authority/,
	);
	const signing = { name: 'keyUsage', digitalSignature: true };
	isRefused(
		t,
		judge(endorsement({ extensions: [basic, signing, purpose] })),
		'CertificateUnfit',
		/key usage/,
	);
	const strange = { id: '1.2.840.113556.1', critical: true, value: '\x05\x00' };
	const withStrange = endorsement({ extensions: [...ENDORSEMENT, strange] });
	isRefused(t, judge(withStrange), 'CertificateUnfit', /critical extension 1\.2\.840\.113556\.1$/);
	accepted(judge(endorsement({ extensions: [...ENDORSEMENT, { ...strange, critical: false }] })));
	isRefused(t, judge(endorsement({ extensions: [...ENDORSEMENT, usage] })), 'Malformed', /twice/);
	isRefused(t, judge(endorsement({ sha1: true })), 'Unsupported', /1\.2\.840\.113549\.1\.1\.5/);
	isRefused(t, judge(endorsement({ keys: issuerKeys })), 'KeyMismatch');
});

test('every certificate on the way must be in force, an authority, and of those below its limit', t => {
	isRefused(t, judge(endorsement({ days: [-10, -1] })), 'CertificateNotInForce', /CN=ek/);
	isRefused(t, judge(endorsement(), issuer({ days: [1, 10] })), 'CertificateNotInForce', /CN=issuer/);
	const none = { name: 'basicConstraints', cA: false };
	isRefused(t, judge(endorsement(), issuer({ extensions: [none] })), 'CertificateUnfit', /no authority/);
	isRefused(t, judge(endorsement(), issuer({ extensions: [] })), 'CertificateUnfit', /no authority/);
	const limited = [{ name: 'basicConstraints', cA: true, pathLenConstraint: 0 }];
	isRefused(t, judge(endorsement(), issuer(), root(limited)), 'CertificateUnfit', /0 authorities/);
	accepted(judge(endorsement(), issuer({ extensions: limited })));
	isRefused(t, judge(endorsement({ signer: rootKeys })), 'CertificateUntrusted');
	isRefused(t, judge(endorsement(), issuer({ signer: ekKeys })), 'CertificateUntrusted');
});
