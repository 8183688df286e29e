import { createHash, verify } from 'node:crypto';
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { inFolder } from './audit-samples.fixture.ts';
import { readCheckpoint, signCheckpoint } from './checkpoint.ts';
import { createLogKey, readLogKey } from './log-key.ts';
import { openNote, parseVerifier, signerOf } from './signed-note.ts';

const signer = signerOf('bimetal/demo', Buffer.alloc(32, 7));
const root = createHash('sha256').digest();
const checkpoint = { size: 12, root, time: '2026-01-01T00:00:00.000Z' };

test('a checkpoint is the text that the specification has, and the signature is over it', t => {
	const { note } = signCheckpoint(signer, checkpoint);
	const [text = '', signature = ''] = note.split('\n\n');
	t.is(
		`${text}\n`,
		`bimetal/demo\n12\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\ntime ${checkpoint.time}\n`,
	);
	const [dash, name, encoded = ''] = signature.trimEnd().split(' ');
	t.deepEqual([dash, name], ['—', 'bimetal/demo']);
	const bytes = Buffer.from(encoded, 'base64');
	t.is(bytes.length, 68);
	// The key from the verifier's line, by hand.
	const [, keyId = '', key = ''] = signer.text
		.split('+', 2)
		.concat(signer.text.split('+').slice(2).join('+'));
	const typed = Buffer.from(key, 'base64');
	const expected = createHash('sha256').update('bimetal/demo\n').update(typed).digest('hex').slice(0, 8);
	t.is(bytes.toString('hex', 0, 4), keyId);
	t.is(keyId, expected);
	const jwk = { kty: 'OKP', crv: 'Ed25519', x: typed.subarray(1).toString('base64url') };
	t.true(verify(null, Buffer.from(`${text}\n`), { key: jwk, format: 'jwk' }, bytes.subarray(4)));
});

test('what was signed is read again; by another key, or with any byte changed, it is not', t => {
	const { note } = signCheckpoint(signer, checkpoint);
	const verifier = parseVerifier(signer.text);
	t.truthy(verifier);
	if (!verifier) return;
	t.deepEqual(readCheckpoint(note, verifier), { ...checkpoint, note });
	t.is(readCheckpoint(note, signerOf('bimetal/demo', Buffer.alloc(32, 8))), undefined);
	t.is(readCheckpoint(note, signerOf('bimetal/other', Buffer.alloc(32, 7))), undefined);
	const bytes = Buffer.from(note);
	fc.assert(
		fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
			const other = Buffer.from(bytes);
			other[at] = (other[at] ?? 0) ^ change;
			t.is(readCheckpoint(other.toString('utf8'), verifier), undefined);
		}),
		{ numRuns: 500 },
	);
	for (const other of [
		note.slice(1),
		note.slice(0, -1),
		`${note}\n`,
		`x\n${note}`,
		note.replace('\n\n', '\n'),
	]) {
		t.is(readCheckpoint(other, verifier), undefined);
	}
});

test('other keys may sign as well; what is signed but no checkpoint is refused', t => {
	const { note } = signCheckpoint(signer, checkpoint);
	const witness = signerOf('a-party', Buffer.alloc(32, 9));
	const text = note.slice(0, note.indexOf('\n\n') + 1);
	const both = `${witness.sign(text)}${note.slice(note.indexOf('\n\n') + 2)}`;
	t.is(readCheckpoint(both, signer)?.size, 12);
	t.is(openNote(both, witness), text);
	for (const strange of [
		text.replace('12', '012'),
		text.replace('12', '-1'),
		text.replace('demo', 'other'),
		text.replace('time', 'tide'),
		`${text}more\n`,
		text.replace('47DEQ', '47DE'),
	]) {
		t.is(readCheckpoint(signer.sign(strange), signer), undefined);
	}
});

test('verifier keys with a wrong id, length or type are none', t => {
	t.is(parseVerifier(signer.text)?.text, signer.text);
	const [name, keyId, key = ''] = signer.text.split(/\+(.{8})\+/);
	for (const line of [
		'',
		`${name}+00000000+${key}`,
		`other+${keyId}+${key}`,
		`${name}+${keyId}+${key.slice(4)}`,
		`${name}+${keyId}+B${key.slice(1)}`,
	]) {
		t.is(parseVerifier(line), undefined);
	}
	t.throws(() => signerOf('two words', Buffer.alloc(32)), { instanceOf: RangeError });
});

test('a key file is its owner’s alone, and is read as it was made', async t => {
	await inFolder(async folder => {
		const file = join(folder, 'audit.key');
		t.is(await readLogKey(file), undefined);
		const made = await createLogKey(file, 'bimetal/demo');
		t.is((await stat(file)).mode & 0o777, 0o600);
		t.is((await readLogKey(file))?.text, made.text);
		t.false((await readFile(file, 'utf8')).includes(made.text.split('+').at(-1) as string));
		await chmod(file, 0o640);
		await t.throwsAsync(readLogKey(file), { code: 'AuditKeyUnusable', message: /chmod 600/ });
		await chmod(file, 0o600);
		for (const text of ['', 'nonsense', made.text, (await readFile(file, 'utf8')).replace('demo', 'dema')]) {
			await writeFile(file, text);
			await t.throwsAsync(readLogKey(file), { code: 'AuditKeyUnusable' });
		}
	});
});

test('the example of the documentation is a checkpoint, and its key the one that signed it', async t => {
	const text = await readFile(new URL('../../docs/audit.md', import.meta.url), 'utf8');
	const [, note = ''] = /```\n(bimetal\/demo\n[\s\S]*?)```/.exec(text) ?? [];
	const [, line = ''] = /```\n(bimetal\/demo\+.*)\n```/.exec(text) ?? [];
	const verifier = parseVerifier(line);
	t.is(verifier && readCheckpoint(note, verifier)?.size, 1204);
});
