import { randomBytes } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { checkOf } from './recovery-secret.ts';
import { newBackupHeader, type ReadBytes, readHeader, seal, unseal } from './sealed-stream.ts';

const key = randomBytes(32);
const about = newBackupHeader({
	backup: 'ab'.repeat(16),
	site: 'test',
	created: '2026-01-01T00:00:00.000Z',
	threshold: 2,
	parties: ['CP', 'HSO'],
	check: checkOf(key),
});

async function sealed(plain: Uint8Array, pieces: readonly number[] = []): Promise<Buffer> {
	async function* source() {
		let at = 0;
		for (const piece of pieces) {
			yield plain.subarray(at, at + piece);
			at += piece;
		}
		yield plain.subarray(at);
	}
	const parts: Uint8Array[] = [];
	for await (const part of seal(about, key, source())) parts.push(part);
	return Buffer.concat(parts);
}

async function opened(bytes: Buffer, with_ = key): Promise<Buffer> {
	let at = 0;
	const read: ReadBytes = async length => {
		const part = bytes.subarray(at, at + length);
		at += part.length;
		return part;
	};
	const head = await readHeader(read);
	const parts: Buffer[] = [];
	for await (const part of unseal(head, with_, read)) parts.push(part);
	return Buffer.concat(parts);
}

/** The code of the error that opening ends with; undefined when it opens. */
const codeOf = async (bytes: Buffer, with_ = key): Promise<string | undefined> =>
	opened(bytes, with_).then(
		() => undefined,
		(fault: { code?: string }) => fault.code ?? String(fault),
	);

test('what was sealed is opened, however long and however it came', async t => {
	const lengths = fc.oneof(
		fc.integer({ min: 0, max: 300 }),
		fc.constantFrom(65535, 65536, 65537, 131072, 131073, 200000),
	);
	await fc.assert(
		fc.asyncProperty(lengths, fc.array(fc.nat({ max: 70000 }), { maxLength: 5 }), async (length, pieces) => {
			const plain = randomBytes(length);
			t.true((await opened(await sealed(plain, pieces))).equals(plain));
		}),
		{ numRuns: 60 },
	);
});

test('a change of any byte is refused, wherever it is; so is every cut and anything behind the end', async t => {
	const whole = await sealed(Buffer.from('the secrets of a site'));
	for (let at = 0; at < whole.length; at++) {
		for (const bit of [1, 0x80]) {
			const changed = Buffer.from(whole);
			changed[at] = (changed[at] ?? 0) ^ bit;
			t.regex((await codeOf(changed)) ?? 'opened', /^Backup(Unreadable|Unsupported)$/, `byte ${at}`);
		}
		t.is(await codeOf(whole.subarray(0, at)), 'BackupUnreadable', `cut at ${at}`);
	}
	t.is(await codeOf(Buffer.concat([whole, Buffer.of(0)])), 'BackupUnreadable');
	t.is(await codeOf(Buffer.concat([whole, whole])), 'BackupUnreadable');
	t.is(await codeOf(whole, randomBytes(32)), 'BackupUnreadable');
});

test('chunks cannot be left out, repeated, moved, or taken from another backup', async t => {
	const plain = randomBytes(3 * 65536 + 10);
	const whole = await sealed(plain);
	const head = 16 + 4 + whole.readUInt32BE(16);
	const frame = 4 + 65536 + 16;
	const chunk = (n: number, of = whole) => of.subarray(head + n * frame, head + (n + 1) * frame);
	const join = (...parts: Buffer[]) => Buffer.concat([whole.subarray(0, head), ...parts]);
	t.true((await opened(join(chunk(0), chunk(1), chunk(2), chunk(3)))).equals(plain));
	const other = await sealed(plain);
	t.true(chunk(0, other).equals(chunk(0)), 'the same header, key and text: only here');
	for (const wrong of [
		join(chunk(1), chunk(0), chunk(2), chunk(3)),
		join(chunk(0), chunk(2), chunk(3)),
		join(chunk(0), chunk(0), chunk(1), chunk(2), chunk(3)),
		join(chunk(0), chunk(1), chunk(2)),
		join(chunk(0), chunk(3)),
	])
		t.is(await codeOf(wrong), 'BackupUnreadable');
});

test('what is no backup, and one of a later version, are told apart', async t => {
	t.is(await codeOf(Buffer.from('PK\u0003\u0004 something else altogether')), 'BackupUnreadable');
	t.is(await codeOf(Buffer.alloc(0)), 'BackupUnreadable');
	t.is(await codeOf(Buffer.from('BIMETAL-BACKUP2\n{}')), 'BackupUnsupported');
});
