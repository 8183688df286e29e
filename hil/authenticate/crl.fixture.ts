import { sign, X509Certificate } from 'node:crypto';
import forge from 'node-forge';
import type { Identity } from '../../common/identity/site-ca.ts';

const { asn1 } = forge;

/**
 * A list of revoked certificates (RFC 5280 section 5), PEM, signed by their authority with RSA and SHA-256.
 * @param options `until`: when the next one is due, in milliseconds since the epoch
 */
export function makeCrl(
	authority: Identity,
	revoked: readonly string[],
	options: { readonly from?: number; readonly until?: number } = {},
): string {
	const { from = Date.now() - 60_000, until = Date.now() + 86_400_000 } = options;
	const sequence = (...of: forge.asn1.Asn1[]) =>
		asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SEQUENCE, true, of);
	const primitive = (type: forge.asn1.Type, value: string) =>
		asn1.create(asn1.Class.UNIVERSAL, type, false, value);
	const time = (at: number) => primitive(asn1.Type.UTCTIME, asn1.dateToUtcTime(new Date(at)));
	const algorithm = sequence(
		primitive(asn1.Type.OID, asn1.oidToDer('1.2.840.113549.1.1.11').getBytes()),
		primitive(asn1.Type.NULL, ''),
	);
	const entries = revoked.map(pem => {
		const serial = Buffer.from(new X509Certificate(pem).serialNumber, 'hex').toString('binary');
		return sequence(primitive(asn1.Type.INTEGER, serial), time(from));
	});
	const { subject } = forge.pki.certificateFromPem(authority.certificatePem);
	const list = sequence(
		primitive(asn1.Type.INTEGER, asn1.integerToDer(1).getBytes()),
		algorithm,
		forge.pki.distinguishedNameToAsn1(subject),
		time(from),
		time(until),
		// An empty list is left out.
		...(entries.length > 0 ? [sequence(...entries)] : []),
	);
	const bytes = Buffer.from(asn1.toDer(list).getBytes(), 'binary');
	const signature = sign('sha256', bytes, authority.keyPem).toString('binary');
	const whole = sequence(list, algorithm, primitive(asn1.Type.BITSTRING, `\0${signature}`));
	const body = Buffer.from(asn1.toDer(whole).getBytes(), 'binary').toString('base64');
	return `-----BEGIN X509 CRL-----\n${body.replace(/.{64}/g, '$&\n').trimEnd()}\n-----END X509 CRL-----\n`;
}
