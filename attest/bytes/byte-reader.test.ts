import test from 'ava';
import { readAll } from './byte-reader.ts';

const BYTES = Buffer.from('0102030405060708090a0b0c0d0e0f', 'hex');

test('numbers are read in the order of their bytes', t => {
	const read = (order: 'big' | 'little') =>
		readAll(BYTES, 'x', r => [r.u8(), r.u16(), r.u32(), r.u64()], order);
	t.deepEqual(read('big'), { ok: true, value: [1, 0x0203, 0x04050607, 0x08090a0b0c0d0e0fn] });
	t.deepEqual(read('little'), { ok: true, value: [1, 0x0302, 0x07060504, 0x0f0e0d0c0b0a0908n] });
});

test('nothing is read past the end, and nothing may be left over', t => {
	const reason = (length: number) => {
		const outcome = readAll(BYTES, 'the thing', r => r.take(length));
		return outcome.ok ? undefined : outcome.refusal;
	};
	t.is(reason(15), undefined);
	t.deepEqual(reason(16), {
		code: 'Malformed',
		reason: 'the thing wants 16 more bytes at 0, and 15 are there',
	});
	t.deepEqual(reason(14), { code: 'Malformed', reason: 'the thing has 1 bytes too many' });
	t.false(readAll(Buffer.from('0003aabb', 'hex'), 'x', r => r.sized16()).ok);
	t.false(readAll(Buffer.from('ffffffff00', 'hex'), 'x', r => r.sized32()).ok);
});

test('a view into a larger buffer ends where the view does', t => {
	const view = new Uint8Array(BYTES.buffer, BYTES.byteOffset + 1, 2);
	t.deepEqual(
		readAll(view, 'x', r => r.u16()),
		{ ok: true, value: 0x0203 },
	);
	t.false(readAll(view, 'x', r => r.take(3)).ok);
});

test('what is a fault of the parser is thrown on', t => {
	t.throws(
		() =>
			readAll(BYTES, 'x', () => {
				throw new TypeError('a fault');
			}),
		{ instanceOf: TypeError },
	);
});
