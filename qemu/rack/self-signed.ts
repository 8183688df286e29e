import { generateKeyPairSync } from 'node:crypto';
import forge from 'node-forge';
import type { TlsIdentity } from '../redfish/http-server.ts';

/** A certificate for 127.0.0.1 signed by its own key: for tests only, which trust exactly it. */
export function selfSigned(name: string): TlsIdentity {
	const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
	const key = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
	const forgeKey = forge.pki.privateKeyFromPem(key);
	const certificate = forge.pki.createCertificate();
	certificate.publicKey = forge.pki.setRsaPublicKey(forgeKey.n, forgeKey.e);
	certificate.serialNumber = '01';
	certificate.validity.notBefore = new Date(Date.now() - 60_000);
	certificate.validity.notAfter = new Date(Date.now() + 86_400_000);
	const subject = [{ name: 'commonName', value: name }];
	certificate.setSubject(subject);
	certificate.setIssuer(subject);
	certificate.setExtensions([
		{ name: 'basicConstraints', cA: true },
		{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
	]);
	certificate.sign(forgeKey, forge.md.sha256.create());
	return { key, cert: forge.pki.certificateToPem(certificate) };
}
