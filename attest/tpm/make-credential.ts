import { constants, createCipheriv, createECDH, createHmac, publicEncrypt } from 'node:crypto';
import { accept, type Outcome, refuse } from '../outcome.ts';
import { HASH_SIZES } from './algorithms.ts';
import { kdfa, kdfe } from './derive-key.ts';
import { checkEndorsementKey } from './key-attributes.ts';
import { type EccKey, leftPadded, type PublicArea } from './public-area.ts';

/** What ActivateCredential takes: only the TPM of that endorsement key gets the secret out, and only with that AK loaded. */
export interface Credential {
	/** TPM2B_ID_OBJECT. */
	readonly idObject: Buffer;
	/** TPM2B_ENCRYPTED_SECRET. */
	readonly encryptedSeed: Buffer;
}

/** What tpm2-tools write first into the file of a credential: a magic number and a version. */
const FILE_HEADER = Buffer.from('badcc0de00000001', 'hex');

/** As tpm2_activatecredential reads it. */
export const credentialFile = ({ idObject, encryptedSeed }: Credential): Buffer =>
	Buffer.concat([FILE_HEADER, idObject, encryptedSeed]);

/** Bytes that `randomBytes` gives: injected. */
type Random = (size: number) => Buffer;

const NONE = Buffer.alloc(0);

/**
 * TPM2_MakeCredential (TPM 2.0 Part 1, section 24), without a TPM.
 * @param akName the name computed from the AK's public area, never one that somebody sent
 * @throws RangeError when `secret` is longer than the digest of the endorsement key's name: a fault of the caller
 */
export function makeCredential(
	ek: PublicArea,
	akName: Buffer,
	secret: Buffer,
	random: Random,
): Outcome<Credential> {
	const hash = ek.nameAlg;
	const size = HASH_SIZES[hash];
	if (secret.length === 0 || secret.length > size) throw new RangeError(`a secret has 1 to ${size} bytes`);
	const fit = checkEndorsementKey(ek);
	if (!fit.ok) return fit;
	const shared = ek.key.kind === 'rsa' ? seedForRsa(ek, random) : seedForEcc(ek, ek.key);
	const { symmetric } = ek;
	if (!symmetric) return refuse('KeyUnfit', 'the endorsement key is no storage key');
	const cipherKey = kdfa(hash, shared.seed, 'STORAGE', akName, NONE, symmetric.bits);
	const cipher = createCipheriv(`aes-${symmetric.bits}-cfb`, cipherKey, Buffer.alloc(16));
	const identity = Buffer.concat([cipher.update(sized(secret)), cipher.final()]);
	const macKey = kdfa(hash, shared.seed, 'INTEGRITY', NONE, NONE, size * 8);
	const mac = createHmac(hash, macKey).update(identity).update(akName).digest();
	return accept({
		idObject: sized(Buffer.concat([sized(mac), identity])),
		encryptedSeed: sized(shared.encrypted),
	});
}

interface SharedSeed {
	readonly seed: Buffer;
	readonly encrypted: Buffer;
}

/** Part 1, annex B.10.4: OAEP, whose label ends in a zero byte. */
function seedForRsa(ek: PublicArea, random: Random): SharedSeed {
	const seed = random(HASH_SIZES[ek.nameAlg]);
	const encrypted = publicEncrypt(
		{
			key: ek.keyObject,
			padding: constants.RSA_PKCS1_OAEP_PADDING,
			oaepHash: ek.nameAlg,
			oaepLabel: Buffer.from('IDENTITY\0'),
		},
		seed,
	);
	return { seed, encrypted };
}

/** Part 1, annex C.6.1: ECDH with a key of its own each time. createECDH, for key pairs and JWK export can hang in Node 20. */
function seedForEcc(ek: PublicArea, { curve, x, y }: EccKey): SharedSeed {
	const ephemeral = createECDH(curve.openssl);
	const point = ephemeral.generateKeys();
	const [ownX, ownY] = [point.subarray(1, 1 + curve.size), point.subarray(1 + curve.size)];
	const z = ephemeral.computeSecret(Buffer.concat([Buffer.of(4), x, y]));
	const seed = kdfe(ek.nameAlg, leftPadded(z, curve.size), 'IDENTITY', ownX, x, HASH_SIZES[ek.nameAlg] * 8);
	return { seed, encrypted: Buffer.concat([sized(ownX), sized(ownY)]) };
}

/** TPM2B. */
function sized(bytes: Buffer): Buffer {
	const length = Buffer.alloc(2);
	length.writeUInt16BE(bytes.length);
	return Buffer.concat([length, bytes]);
}
