import { constants, type KeyObject, publicDecrypt } from 'node:crypto';
import { readAll } from '../bytes/byte-reader.ts';
import type { HashName } from '../tpm/algorithms.ts';
import type { ImaEntry } from './ima-list.ts';

/** EVM_IMA_XATTR_DIGSIG and the version of a signature over a digest (Linux, security/integrity/integrity.h). */
const [DIGSIG, VERSION] = [0x03, 0x02];
/** `enum hash_algo` of Linux (include/uapi/linux/hash_info.h). */
const LINUX_HASHES: Readonly<Record<number, HashName>> = { 4: 'sha256', 5: 'sha384', 6: 'sha512' };
/** DigestInfo up to the digest itself (RFC 8017, section 9.2, note 1). */
const DIGEST_INFO: Readonly<Partial<Record<HashName, string>>> = {
	sha256: '3031300d060960864801650304020105000420',
	sha384: '3041300d060960864801650304020205000430',
	sha512: '3051300d060960864801650304020305000440',
};

/** Whether one of these RSA keys has signed this entry's digest (`evmctl ima_sign`). A path is not part of it. */
export function isSignedBy(entry: ImaEntry, keys: readonly KeyObject[]): boolean {
	const parsed = readAll(entry.extra, 'the file’s signature', reader => {
		const [kind, version, algorithm] = [reader.u8(), reader.u8(), reader.u8()];
		if (kind !== DIGSIG || version !== VERSION) reader.fail('is of another kind', 'Unsupported');
		// The key's id: every key of the keyring is tried instead.
		reader.u32();
		return { hash: LINUX_HASHES[algorithm], signature: reader.sized16() };
	});
	const prefix = DIGEST_INFO[entry.hash];
	if (!parsed.ok || prefix === undefined || parsed.value.hash !== entry.hash) return false;
	const expected = Buffer.concat([Buffer.from(prefix, 'hex'), entry.digest]);
	return keys.some(key => {
		if (key.asymmetricKeyType !== 'rsa') return false;
		try {
			const padding = constants.RSA_PKCS1_PADDING;
			return publicDecrypt({ key, padding }, parsed.value.signature).equals(expected);
		} catch {
			// OpenSSL throws for a signature that is not of this key.
			return false;
		}
	});
}
