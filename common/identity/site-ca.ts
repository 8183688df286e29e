import {
	createPrivateKey,
	createPublicKey,
	generateKeyPair,
	type KeyObject,
	randomBytes,
	sign,
	X509Certificate,
} from 'node:crypto';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import forge from 'node-forge';
import type { Clock } from '../clock.ts';
import { BimetalError } from '../errors/bimetal-error.ts';

/** A certificate with its private key, both PEM (the key PKCS#8, not encrypted). */
export interface Identity {
	readonly certificatePem: string;
	readonly keyPem: string;
}

const day = 24 * 60 * 60 * 1000;
/** Certificates hold from a day before their making, for peers whose clocks are behind. */
const skew = day;
const authorityDays = 3650;
const defaultDays = 397;
const organisation = 'Bimetal';

/** A root that may sign end certificates only (RFC 5280 §4.2.1.9, path length 0). RSA 3072, ten years. */
export async function createAuthority(options: { name: string; clock: Clock }): Promise<Identity> {
	const keys = await generateKeys(3072);
	return certify({
		subject: [
			{ name: 'organizationName', value: organisation },
			{ name: 'commonName', value: options.name },
		],
		keys,
		issuer: undefined,
		days: authorityDays,
		clock: options.clock,
		extensions: [
			{ name: 'basicConstraints', critical: true, cA: true, pathLenConstraint: 0 },
			{ name: 'keyUsage', critical: true, keyCertSign: true, cRLSign: true },
		],
	});
}

/**
 * A TLS server's certificate for DNS `names` and IP `addresses`, at least one of them. RSA 2048.
 * `days` of validity from now, 397 by default; never beyond the authority's own.
 */
export async function issueServerCertificate(options: {
	authority: Identity;
	names: readonly string[];
	addresses?: readonly string[];
	days?: number;
	clock: Clock;
}): Promise<Identity> {
	const { authority, names, addresses = [], days = defaultDays, clock } = options;
	const commonName = names[0] ?? addresses[0];
	if (commonName === undefined) throw invalid('a server certificate needs a name or an address');
	for (const name of names) {
		if (!/^(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/.test(name))
			throw invalid(`${name} is not a DNS name`);
	}
	for (const address of addresses) {
		if (isIP(address) === 0) throw invalid(`${address} is not an IP address`);
	}
	return certify({
		subject: [{ name: 'commonName', value: commonName.slice(0, 64) }],
		keys: await generateKeys(2048),
		issuer: authority,
		days,
		clock,
		extensions: [
			...endEntity('serverAuth'),
			{
				name: 'subjectAltName',
				altNames: [...names.map(value => ({ type: 2, value })), ...addresses.map(ip => ({ type: 7, ip }))],
			},
		],
	});
}

/**
 * A TLS client certificate that says: this is operator `name`. Which party's operator that is follows from the
 * authority alone. RSA 2048; `days` as for servers. `fingerprint` is SHA-256 in hex, as operators.yaml pins it.
 */
export async function issueOperatorCertificate(options: {
	partyAuthority: Identity;
	operator: { readonly name: string; readonly party: string };
	days?: number;
	clock: Clock;
}): Promise<Identity & { readonly fingerprint: string }> {
	const { partyAuthority, operator, days = defaultDays, clock } = options;
	if (!/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/.test(operator.name)) throw invalid('not the name of an operator');
	const identity = certify({
		subject: [
			{ name: 'organizationName', value: operator.party },
			{ name: 'commonName', value: operator.name },
		],
		keys: await generateKeys(2048),
		issuer: partyAuthority,
		days,
		clock,
		extensions: [
			...endEntity('clientAuth'),
			{ name: 'subjectAltName', altNames: [{ type: 6, value: `bimetal:operator:${operator.name}` }] },
		],
	});
	const fingerprint = new X509Certificate(identity.certificatePem).fingerprint256;
	return { ...identity, fingerprint: fingerprint.replaceAll(':', '').toLowerCase() };
}

/**
 * A PKCS#12 file for browsers and keychains: certificate, key and the party's root, encrypted by AES-256.
 * The password is printable ASCII: programs disagree on how others are encoded.
 */
export function exportPkcs12(options: {
	identity: Identity;
	rootPem: string;
	password: string;
	friendlyName: string;
}): Buffer {
	const { identity, rootPem, password, friendlyName } = options;
	if (!/^[\x20-\x7e]+$/.test(password))
		throw invalid('the password of a PKCS#12 file must be printable ASCII');
	const rsa = createPrivateKey(identity.keyPem).export({ type: 'pkcs1', format: 'pem' }).toString();
	const archive = forge.pkcs12.toPkcs12Asn1(
		forge.pki.privateKeyFromPem(rsa),
		[forge.pki.certificateFromPem(identity.certificatePem), forge.pki.certificateFromPem(rootPem)],
		password,
		{ algorithm: 'aes256', count: 20_000, saltSize: 16, friendlyName },
	);
	return Buffer.from(forge.asn1.toDer(archive).getBytes(), 'binary');
}

interface Keys {
	readonly privateKey: KeyObject;
	readonly publicKey: KeyObject;
}

/** In libuv's threads, so that several are made at once; forge's own would block for seconds. */
function generateKeys(bits: number): Promise<Keys> {
	return promisify(generateKeyPair)('rsa', { modulusLength: bits });
}

function endEntity(usage: 'serverAuth' | 'clientAuth'): object[] {
	return [
		{ name: 'basicConstraints', critical: true, cA: false },
		{ name: 'keyUsage', critical: true, digitalSignature: true, keyEncipherment: usage === 'serverAuth' },
		{ name: 'extKeyUsage', [usage]: true },
	];
}

function certify(options: {
	subject: { name: string; value: string }[];
	keys: Keys;
	issuer: Identity | undefined;
	days: number;
	clock: Clock;
	extensions: object[];
}): Identity {
	const { subject, keys, issuer, days, clock, extensions } = options;
	const certificate = forge.pki.createCertificate();
	const publicPem = keys.publicKey.export({ type: 'spki', format: 'pem' }).toString();
	certificate.publicKey = forge.pki.publicKeyFromPem(publicPem);
	certificate.serialNumber = randomSerial();
	certificate.validity.notBefore = new Date(clock.now() - skew);
	certificate.validity.notAfter = new Date(clock.now() + days * day);
	certificate.setSubject(subject);

	const root = issuer ? forge.pki.certificateFromPem(issuer.certificatePem) : certificate;
	certificate.setIssuer(issuer ? root.subject.attributes : subject);
	if (root.validity.notAfter < certificate.validity.notAfter) {
		certificate.validity.notAfter = root.validity.notAfter;
	}
	const keyIdentifier = root.generateSubjectKeyIdentifier().getBytes();
	certificate.setExtensions([
		...extensions,
		{ name: 'subjectKeyIdentifier' },
		{ name: 'authorityKeyIdentifier', keyIdentifier },
	]);
	signNatively(certificate, issuer ? createPrivateKey(issuer.keyPem) : keys.privateKey);
	return {
		certificatePem: forge.pki.certificateToPem(certificate).replaceAll('\r\n', '\n'),
		keyPem: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
	};
}

/**
 * Lets OpenSSL make the signature, with SHA-256: forge's own arithmetic takes fifty times as long. To forge
 * this is a digest that collects what it is given, and a key that signs what was collected.
 */
function signNatively(certificate: forge.pki.Certificate, key: KeyObject): void {
	const pieces: string[] = [];
	const digest = { algorithm: 'sha256', update: (bytes: string) => void pieces.push(bytes) };
	const signer = {
		sign: () => sign('sha256', Buffer.from(pieces.join(''), 'binary'), key).toString('binary'),
	};
	certificate.sign(
		signer as unknown as forge.pki.rsa.PrivateKey,
		digest as unknown as forge.md.MessageDigest,
	);
}

/** 158 random bits, positive and of full length (RFC 5280 §4.1.2.2 allows 20 octets). */
function randomSerial(): string {
	const bytes = randomBytes(20);
	bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
	return bytes.toString('hex');
}

function invalid(message: string): BimetalError {
	return new BimetalError('CertificateInvalid', message, { expose: false });
}

/** Whether the certificate is that of the private key. Throws what node:crypto throws on what is neither. */
export function belongTogether({ certificatePem, keyPem }: Identity): boolean {
	const spki = { type: 'spki', format: 'der' } as const;
	const own = createPublicKey(keyPem).export(spki);
	return own.equals(new X509Certificate(certificatePem).publicKey.export(spki));
}
