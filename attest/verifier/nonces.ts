import { createHmac, createSecretKey, hash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { base64, hilName, moment } from '../model/names.ts';

const asked = z.strictObject({
	admission: z.string(),
	node: hilName,
	registration: z.string(),
	nodeKey: base64(2048),
	until: moment,
	/** What its TPM's clock was in the last good quote; null: there was none. Once there is a later one, this nonce is over. */
	after: z.string().nullable(),
	/** So that no two are the same. */
	salt: z.string(),
});
/** What a nonce was made for. */
export type Asked = z.output<typeof asked>;

export interface Nonces {
	/** A token for the node to bring back, and its nonce: 32 bytes. */
	make(of: Omit<Asked, 'salt'>): { readonly token: string; readonly nonce: Buffer };
	/** What it was made for; undefined for what was not made here. */
	read(token: string): { readonly asked: Asked; readonly nonce: Buffer } | undefined;
}

/**
 * Nonces that are kept by nobody until a TPM has answered them: the token says what they are for, and only who has the
 * key can make one. So whoever asks for many takes no place in the store, and pushes nobody else's out.
 * @param key 32 bytes that every process of this verifier has
 */
export function createNonces(key: Uint8Array, random: (size: number) => Buffer): Nonces {
	// As bytes it would be made a key of anew each time, which takes three times as long as the rest.
	const macKey = createSecretKey(createHmac('sha256', key).update('nonces').digest());
	const macOf = (text: string): Buffer => createHmac('sha256', macKey).update(text).digest();
	const nonceOf = (token: string): Buffer => hash('sha256', token, 'buffer');
	return {
		make(of) {
			const text = JSON.stringify({ ...of, salt: random(16).toString('base64url') } satisfies Asked);
			const token = `${Buffer.from(text).toString('base64url')}.${macOf(text).toString('base64url')}`;
			return { token, nonce: nonceOf(token) };
		},
		read(token) {
			const [text, mac] = token.split('.').map(part => Buffer.from(part, 'base64url'));
			const expected = text && macOf(text.toString('utf8'));
			if (!expected || mac?.length !== expected.length || !timingSafeEqual(mac, expected)) return undefined;
			// One that an earlier version of this program has made may have other members.
			const parsed = asked.safeParse(JSON.parse(text.toString('utf8')));
			return parsed.success ? { asked: parsed.data, nonce: nonceOf(token) } : undefined;
		},
	};
}
