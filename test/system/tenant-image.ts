import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { buildDebianImage } from '../../qemu/image/debian-image.ts';
import { encryptImage } from '../../qemu/image/encrypted-image.ts';

/** What a tenant has made of the attested Debian, with a key of its own: `tenant.qcow2`, beside `luks.key`, at these places. */
export async function encryptedTenantImage(at: (file: string) => string) {
	const plain = await buildDebianImage({ isAttested: true });
	const luksKey = randomBytes(64);
	await writeFile(at('luks.key'), luksKey, { mode: 0o600 });
	const file = at('tenant.qcow2');
	const boot = await encryptImage({ image: plain.file, keyFile: at('luks.key'), to: file });
	return { file, boot, luksKey, plain: plain.file };
}
