/** TPM_ALG_ID of hashes (TCG Algorithm Registry, table 3) as node:crypto names them, with their sizes in bytes. */
export const HASHES: ReadonlyMap<number, { readonly name: HashName; readonly size: number }> = new Map([
	[0x0004, { name: 'sha1', size: 20 }],
	[0x000b, { name: 'sha256', size: 32 }],
	[0x000c, { name: 'sha384', size: 48 }],
	[0x000d, { name: 'sha512', size: 64 }],
]);

export type HashName = 'sha1' | 'sha256' | 'sha384' | 'sha512';

export const HASH_SIZES: Readonly<Record<HashName, number>> = {
	sha1: 20,
	sha256: 32,
	sha384: 48,
	sha512: 64,
};

export const HASH_IDS: Readonly<Record<HashName, number>> = {
	sha1: 0x0004,
	sha256: 0x000b,
	sha384: 0x000c,
	sha512: 0x000d,
};

/** TPM_ALG_ID of everything else that is read here. */
export const ALG = {
	rsa: 0x0001,
	aes: 0x0006,
	null: 0x0010,
	rsassa: 0x0014,
	rsapss: 0x0016,
	ecdsa: 0x0018,
	ecc: 0x0023,
	cfb: 0x0043,
} as const;

/** TPM_ECC_CURVE as JWK and as OpenSSL name them; `size` is a coordinate's, in bytes. */
export const CURVES: ReadonlyMap<number, Curve> = new Map([
	[0x0003, { id: 0x0003, jwk: 'P-256', openssl: 'prime256v1', size: 32 }],
	[0x0004, { id: 0x0004, jwk: 'P-384', openssl: 'secp384r1', size: 48 }],
]);

export interface Curve {
	readonly id: number;
	readonly jwk: 'P-256' | 'P-384';
	readonly openssl: 'prime256v1' | 'secp384r1';
	readonly size: number;
}
