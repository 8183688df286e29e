import { generateKeyPairSync } from 'node:crypto';

/** A PKCS#10 request in PEM over a fresh key, which is thrown away: an emulated BMC serves no such certificate. */
export async function makeSigningRequest(subject: Readonly<Record<string, string>>): Promise<string> {
	// Loaded when first needed: it is a good part of what a rack of BMCs would weigh.
	const { default: forge } = await import('node-forge');
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
