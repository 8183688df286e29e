import { generateKeyPairSync } from 'node:crypto';
import forge from 'node-forge';

/** A PKCS#10 request in PEM over a fresh key, which is thrown away: an emulated BMC serves no such certificate. */
export function makeSigningRequest(subject: Readonly<Record<string, string>>): string {
	const { privateKey } = generateKeyPairSync('rsa', {
		modulusLength: 2048,
		publicKeyEncoding: { type: 'spki', format: 'pem' },
		privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
	});
	const key = forge.pki.privateKeyFromPem(privateKey);
	const request = forge.pki.createCertificationRequest();
	request.publicKey = forge.pki.setRsaPublicKey(key.n, key.e);
	request.setSubject(Object.entries(subject).map(([name, value]) => ({ name, value })));
	request.sign(key, forge.md.sha256.create());
	return forge.pki.certificationRequestToPem(request);
}
