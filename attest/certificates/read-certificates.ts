import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

/**
 * All certificates of a PEM file, in DER.
 * @throws Error that names the file, when it has none or one cannot be read
 */
export function readCertificates(file: string): readonly Uint8Array[] {
	const text = readFileSync(file, 'latin1');
	const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
	if (blocks.length === 0) throw new Error(`${file} has no certificate in PEM`);
	return blocks.map((block, index) => {
		try {
			return new X509Certificate(block).raw;
		} catch (cause) {
			throw new Error(`certificate ${index + 1} of ${file} cannot be read`, { cause });
		}
	});
}
