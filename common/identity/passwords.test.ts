import test from 'ava';
import fc from 'fast-check';
import { generatePassword, hashPassword, passwordHash, verifyPassword } from './passwords.ts';

test('the right password is right, another one is not', async t => {
	const hash = await hashPassword('Grüße, 世界');
	t.regex(hash, /^scrypt\$16384\$8\$1\$/);
	t.true(await verifyPassword('Grüße, 世界', hash));
	t.true(await verifyPassword('Grüße, 世界'.normalize('NFD'), hash));
	t.false(await verifyPassword('Grüsse, 世界', hash));
	t.false(await verifyPassword('', hash));
	t.false(await verifyPassword('x'.repeat(2000), hash));
});

test('two hashes of a password differ', async t => {
	t.not(await hashPassword('a'), await hashPassword('a'));
});

test('nothing and too much cannot be hashed', async t => {
	await t.throwsAsync(hashPassword(''), { instanceOf: RangeError });
	await t.throwsAsync(hashPassword('é'.repeat(513)), { instanceOf: RangeError });
});

test('only a whole and bounded hash is one', async t => {
	const hash = await hashPassword('a');
	t.true(passwordHash.safeParse(hash).success);
	const key = hash.split('$').slice(4).join('$');
	for (const bad of ['', 'a', 'secret', hash.slice(0, -1), `${hash}x`, `scrypt$16383$8$1$${key}`]) {
		t.false(passwordHash.safeParse(bad).success, bad);
		await t.throwsAsync(verifyPassword('a', bad), { instanceOf: TypeError });
	}
	t.false(passwordHash.safeParse(`scrypt$67108864$8$1$${key}`).success, '64 GiB');
	t.true(passwordHash.safeParse(`scrypt$131072$8$5$${key}`).success, '128 MiB');
});

test('a generated password takes five bits of each random byte and reads in groups', t => {
	t.regex(generatePassword(), /^(?:[a-km-np-z2-9]{6}-){3}[a-km-np-z2-9]{6}$/);
	const all = Array.from({ length: 32 }, (_, i) => generatePassword(n => new Uint8Array(n).fill(i)));
	t.is(new Set(all).size, 32);
	fc.assert(
		fc.property(fc.uint8Array({ minLength: 24, maxLength: 24 }), bytes => {
			t.is(generatePassword(() => bytes).length, 27);
		}),
	);
});
