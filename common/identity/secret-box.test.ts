import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { createSecretBox, openSecretKey } from './secret-box.ts';

test('what was sealed is read with the same key only, and not when it was changed', async t => {
	const folder = await mkdtemp(join(tmpdir(), 'hil-key-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const file = join(folder, 'keys', 'switches.key');
	const box = createSecretBox(await openSecretKey(file));
	const sealed = box.seal('{"password":"ä"}');
	t.false(sealed.includes('password'));
	t.not(box.seal('x'), box.seal('x'));
	t.is((await stat(file)).mode & 0o777, 0o600);
	t.is(createSecretBox(await openSecretKey(file)).unseal(sealed), '{"password":"ä"}');
	t.throws(() => createSecretBox(new Uint8Array(32)).unseal(sealed));
	const [version, nonce, tag] = sealed.split('.');
	t.throws(() => box.unseal([version, nonce, tag, 'AAAA'].join('.')));
	t.throws(() => box.unseal([version, nonce, tag?.slice(0, 6), 'AAAA'].join('.')));
	t.throws(() => box.unseal('plain'));
	await writeFile(file, 'short');
	await t.throwsAsync(openSecretKey(file));
});
