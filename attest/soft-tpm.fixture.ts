// A TPM's key in software, for as many nodes as a test wants: swtpm takes seconds for each.
import { generateKeyPairSync, hash, type KeyObject, sign } from 'node:crypto';
import { qualifiedName } from './judge/continuity.ts';
import { accepted } from './outcome.fixture.ts';
import { recorded } from './recorded-boot.fixture.ts';
import { ALG, HASH_IDS } from './tpm/algorithms.ts';
import { parsePublicArea } from './tpm/public-area.ts';

/** Quotes as a TPM does into which the recorded boot was measured. */
export interface SoftTpm {
	/** TPM2B_PUBLIC. */
	readonly ak: Buffer;
	/** `clock` in milliseconds. */
	quote(of: { qualifying: Buffer; pcrs: readonly number[]; clock: number }): SoftQuote;
	/** Extends a PCR. */
	measure(pcr: number, digest: Buffer): void;
}

export interface SoftQuote {
	/** TPMS_ATTEST, TPMT_SIGNATURE, and the values of the PCRs one after another. */
	readonly message: Buffer;
	readonly signature: Buffer;
	readonly pcrs: Buffer;
}

interface KeyPair {
	readonly publicKey: KeyObject;
	readonly privateKey: KeyObject;
}

const bytes16 = (value: number): Buffer => Buffer.of(value >> 8, value & 255);
const sized = (bytes: Buffer): Buffer => Buffer.concat([bytes16(bytes.length), bytes]);
const ids = (...values: readonly number[]): Buffer => Buffer.concat(values.map(bytes16));
/** TPMA_OBJECT: of a storage key, and of a restricted signing key that never leaves its TPM. */
const [storing, signing] = [Buffer.from('000300b2', 'hex'), Buffer.from('00050072', 'hex')];
const { sha256 } = HASH_IDS;

function eccArea(key: KeyObject, attributes: Buffer, parameters: Buffer): Buffer {
	// SubjectPublicKeyInfo of P-256 ends with both coordinates.
	const point = key.export({ type: 'spki', format: 'der' }).subarray(-64);
	const coordinates = [sized(point.subarray(0, 32)), sized(point.subarray(32))];
	const head = [ids(ALG.ecc, sha256), attributes, sized(Buffer.alloc(0)), parameters];
	return sized(Buffer.concat([...head, ids(3, ALG.null), ...coordinates]));
}

function rsaArea(key: KeyObject): Buffer {
	// In PKCS #1 the modulus stands after a sequence's and an integer's header, and a zero.
	const modulus = key.export({ type: 'pkcs1', format: 'der' }).subarray(9, 9 + 256);
	const head = [ids(ALG.rsa, sha256), signing, sized(Buffer.alloc(0)), ids(ALG.null, ALG.rsassa, sha256)];
	return sized(Buffer.concat([...head, bytes16(2048), Buffer.alloc(4), sized(modulus)]));
}

/** TPM2B_PUBLIC of the endorsement key of all of them: whose it is, only a registrar looks at. */
export const softEndorsementKey: Buffer = eccArea(
	generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey,
	storing,
	ids(ALG.aes, 128, ALG.cfb, ALG.null),
);
const ek = accepted(parsePublicArea(softEndorsementKey));

export const newSigningKey = {
	ecc: (): KeyPair => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
	rsa: (): KeyPair => generateKeyPairSync('rsa', { modulusLength: 2048 }),
};

/** @param pair of P-256, or RSA of 2048 bits */
export function createSoftTpm({ publicKey, privateKey }: KeyPair): SoftTpm {
	const isRsa = publicKey.asymmetricKeyType === 'rsa';
	const ak = isRsa ? rsaArea(publicKey) : eccArea(publicKey, signing, ids(ALG.null, ALG.ecdsa, sha256));
	const signer = qualifiedName(ek, accepted(parsePublicArea(ak)));
	/** Those that are not as they were recorded. */
	const changed = new Map<number, Buffer>();
	const pcrNow = (pcr: number): Buffer => changed.get(pcr) ?? recorded.pcrs.get(pcr) ?? Buffer.alloc(32);
	const signatureOf = (message: Buffer): Buffer => {
		if (isRsa) return Buffer.concat([ids(ALG.rsassa, sha256), sized(sign('sha256', message, privateKey))]);
		const both = sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' });
		return Buffer.concat([ids(ALG.ecdsa, sha256), sized(both.subarray(0, 32)), sized(both.subarray(32))]);
	};
	return {
		ak,
		measure: (pcr, digest) =>
			void changed.set(pcr, hash('sha256', Buffer.concat([pcrNow(pcr), digest]), 'buffer')),
		quote({ qualifying, pcrs: selected, clock }) {
			const pcrs = Buffer.concat(selected.map(pcrNow));
			const bitmap = [0, 0, 0];
			for (const pcr of selected) bitmap[pcr >> 3] = (bitmap[pcr >> 3] ?? 0) | (1 << (pcr & 7));
			// TPMS_CLOCK_INFO and the firmware's version.
			const info = Buffer.alloc(25);
			info.writeBigUInt64BE(BigInt(clock));
			info.writeUInt32BE(7, 8);
			info.writeUInt8(1, 16);
			const message = Buffer.concat([
				...[Buffer.from('ff5443478018', 'hex'), sized(signer), sized(qualifying), info],
				...[Buffer.of(0, 0, 0, 1), ids(sha256), Buffer.of(3, ...bitmap)],
				sized(hash('sha256', pcrs, 'buffer')),
			]);
			return { message, signature: signatureOf(message), pcrs };
		},
	};
}
