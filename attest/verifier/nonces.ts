import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { base64, hilName, moment } from '../model/names.ts';

const asked = z.strictObject({
	admission: z.string(),
	node: hilName,
	/** That it is asked with; null: those that it was admitted with. */
	keys: z.strictObject({ registration: z.string(), nodeKey: base64(2048) }).nullable(),
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
 * key can make one. So whoever asks for many takes no place in the store, and pushes nobody else's out. A nonce is the token's own
 * MAC, HMAC-SHA-256: no two tokens have the same, and nobody knows it before the token is made.
 * @param key 32 bytes that every process of this verifier has
 */
export function createNonces(key: Uint8Array, random: (size: number) => Buffer): Nonces {
	// As bytes it would be made a key of anew each time, which takes three times as long as the rest.
	const macKey = createSecretKey(createHmac('sha256', key).update('nonces').digest());
	const macOf = (text: string): Buffer => createHmac('sha256', macKey).update(text).digest();
	return {
		make(of) {
			const { admission, node, keys, until, after } = of;
			const salt = random(16).toString('base64url');
			const text = JSON.stringify({ admission, node, keys, until, after, salt } satisfies Asked);
			const encoded = Buffer.from(text).toString('base64url');
			const nonce = macOf(encoded);
			return { token: `${encoded}.${nonce.toString('base64url')}`, nonce };
		},
		read(token) {
			const [encoded = '', shown = '', ...more] = token.split('.');
			const [nonce, mac] = [macOf(encoded), Buffer.from(shown, 'base64url')];
			if (more.length > 0 || mac.length !== nonce.length || !timingSafeEqual(mac, nonce)) return undefined;
			// One that an earlier version of this program has made may have other members.
			const parsed = asked.safeParse(JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8')));
			return parsed.success ? { asked: parsed.data, nonce } : undefined;
		},
	};
}
