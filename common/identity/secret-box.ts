import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolderDurably, syncFolder } from '../store/durable-file.ts';

/** Keeps secrets in the store unreadable to whoever has the store's file but not the key's. */
export interface SecretBox {
	seal(text: string): string;
	/** Throws when it was sealed by another key, or changed since. */
	unseal(sealed: string): string;
}

/** AES-256-GCM with a random nonce of 96 bits: NIST SP 800-38D. `v1.<nonce>.<tag>.<text>`, base64url. */
export function createSecretBox(key: Uint8Array): SecretBox {
	return {
		seal(text) {
			const nonce = randomBytes(12);
			const cipher = createCipheriv('aes-256-gcm', key, nonce);
			const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
			return ['v1', ...[nonce, cipher.getAuthTag(), sealed].map(part => part.toString('base64url'))].join(
				'.',
			);
		},
		unseal(sealed) {
			const [version, ...parts] = sealed.split('.');
			const [nonce, tag, text] = parts.map(part => Buffer.from(part, 'base64url'));
			if (version !== 'v1' || !nonce || !tag || !text) throw new Error('this is no sealed secret');
			const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 });
			decipher.setAuthTag(tag);
			return Buffer.concat([decipher.update(text), decipher.final()]).toString('utf8');
		},
	};
}

/** The 32 bytes of the key file; made, readable to its owner only, when it is not there. */
export async function openSecretKey(file: string): Promise<Uint8Array> {
	await makeFolderDurably(dirname(file));
	const handle = await open(file, 'wx', 0o600).catch((fault: NodeJS.ErrnoException) => {
		if (fault.code !== 'EEXIST') throw fault;
	});
	if (handle) {
		try {
			await handle.writeFile(`${randomBytes(32).toString('hex')}\n`);
			await handle.sync();
		} finally {
			await handle.close();
		}
		await syncFolder(dirname(file));
	}
	const text = readFileSync(file, 'utf8').trim();
	if (!/^[0-9a-f]{64}$/.test(text)) throw new Error(`${file} does not hold a key: 64 hex digits`);
	return Buffer.from(text, 'hex');
}
