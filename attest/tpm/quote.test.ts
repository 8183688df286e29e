import { constants, createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { accepted, isRefused } from '../outcome.fixture.ts';
import { makeCredential } from './make-credential.ts';
import { parsePublicArea } from './public-area.ts';
import { type QuoteRequest, verifyQuote } from './quote.ts';
import { verifySignature } from './signature.ts';

// Keys that we hold ourselves with the attributes of an attestation key: they sign what no TPM would.
const AK_ATTRIBUTES = 0x50072;
const SCHEME = { rsassa: 0x14, rsapss: 0x16 } as const;
const u16 = (value: number) => Buffer.from([value >> 8, value & 255]);
const u32 = (value: number) => Buffer.concat([u16(value >>> 16), u16(value & 0xffff)]);
const sized = (bytes: Buffer) => Buffer.concat([u16(bytes.length), bytes]);
const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });

/** The modulus stands after a sequence's and an integer's header, and a zero, in PKCS#1. */
const modulusOf = (key: KeyObject) => key.export({ type: 'pkcs1', format: 'der' }).subarray(9, 9 + 256);

function area(attributes = AK_ATTRIBUTES, scheme: number = SCHEME.rsassa, hash = 0x0b): Buffer {
	const parameters = [u16(0x10), u16(scheme), u16(hash), u16(2048), u32(0)];
	const head = [u16(1), u16(0x0b), u32(attributes), sized(Buffer.alloc(0))];
	return sized(Buffer.concat([...head, ...parameters, sized(modulusOf(pair.publicKey))]));
}

const VALUES = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
const EVIDENCE_PCRS = { sha256: new Map(VALUES.map((value, pcr) => [pcr, value])) };
const NONCE = Buffer.from('nonce');
const REQUEST: QuoteRequest = { qualifyingData: NONCE, selection: [{ hash: 'sha256', pcrs: [0, 1] }] };

const attest = (changes: { magic?: number; type?: number; selection?: Buffer; safe?: number } = {}) =>
	Buffer.concat([
		u32(changes.magic ?? 0xff544347),
		u16(changes.type ?? 0x8018),
		sized(Buffer.alloc(34)),
		sized(NONCE),
		...[Buffer.alloc(8), u32(3), u32(4), Buffer.of(changes.safe ?? 1), Buffer.alloc(8)],
		changes.selection ?? Buffer.from('00000001000b03030000', 'hex'),
		sized(createHash('sha256').update(Buffer.concat(VALUES)).digest()),
	]);
const signed = (message: Buffer, hash: 'sha1' | 'sha256' = 'sha256') => ({
	message,
	signature: Buffer.concat([
		...[u16(SCHEME.rsassa), u16(hash === 'sha1' ? 4 : 0x0b)],
		sized(sign(hash, message, pair.privateKey)),
	]),
	pcrs: EVIDENCE_PCRS,
});
const ak = accepted(parsePublicArea(area()));

test('what a TPM did not make is no quote, though the key is right', t => {
	t.is(accepted(verifyQuote(ak, REQUEST, signed(attest()))).clock.resetCount, 3);
	isRefused(t, verifyQuote(ak, REQUEST, signed(attest({ magic: 0xff544348 }))), 'NotQuote', /magic/);
	isRefused(t, verifyQuote(ak, REQUEST, signed(attest({ type: 0x8017 }))), 'NotQuote', /0x8017/);
	isRefused(t, verifyQuote(ak, REQUEST, signed(attest({ safe: 2 }))), 'Malformed');
	isRefused(t, verifyQuote(ak, REQUEST, signed(Buffer.concat([attest(), Buffer.of(0)]))), 'Malformed');
	const good = attest();
	for (let length = 0; length < good.length; length++)
		isRefused(t, verifyQuote(ak, REQUEST, signed(good.subarray(0, length))), 'Malformed');
});

test('selections that are strange are refused, signed or not', t => {
	const judge = (hex: string) =>
		verifyQuote(ak, REQUEST, signed(attest({ selection: Buffer.from(hex, 'hex') })));
	isRefused(t, judge('00000001000c03030000'), 'SelectionWrong');
	isRefused(t, judge('00000001000b03030080'), 'SelectionWrong', /0,1,23 is quoted/);
	isRefused(t, judge('00000002000b03010000000b03020000'), 'Malformed', /twice/);
	isRefused(t, judge('00000001001203030000'), 'Unsupported', /0x0012/);
	isRefused(t, judge('ffffffff000b03030000'), 'Malformed', /more than/);
	isRefused(t, judge('00000000'), 'SelectionWrong');
});

test('a key is judged by its attributes, and signs by its own scheme only', t => {
	const judge = (bytes: Buffer) => verifyQuote(accepted(parsePublicArea(bytes)), REQUEST, signed(attest()));
	for (const bit of [1, 4, 5, 6, 16, 18])
		isRefused(t, judge(area(AK_ATTRIBUTES & ~(1 << bit))), 'KeyUnfit', /is not /);
	isRefused(t, judge(area(AK_ATTRIBUTES | (1 << 17))), 'KeyUnfit', /is decrypt/);
	isRefused(t, judge(area(AK_ATTRIBUTES, SCHEME.rsapss)), 'SignatureWrong', /scheme/);
	isRefused(t, judge(area(AK_ATTRIBUTES, SCHEME.rsassa, 4)), 'KeyUnfit', /SHA-1/);
	isRefused(t, verifyQuote(ak, REQUEST, signed(attest(), 'sha1')), 'SignatureWrong');
	const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
	const pss = sign('sha256', attest(), { key: pair.privateKey, ...padding });
	const signature = Buffer.concat([u16(SCHEME.rsapss), u16(0x0b), sized(pss)]);
	isRefused(t, verifyQuote(ak, REQUEST, { ...signed(attest()), signature }), 'SignatureWrong');
	isRefused(t, makeCredential(ak, ak.name, Buffer.of(1), Buffer.alloc), 'KeyUnfit', /endorsement/);
});

test('a public area that was cut or changed is refused or is another key', t => {
	const good = area();
	for (let length = 0; length < good.length; length++)
		isRefused(t, parsePublicArea(good.subarray(0, length)), 'Malformed');
	fc.assert(
		fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
			const bytes = Buffer.from(good);
			bytes[at] = (bytes[at] ?? 0) ^ mask;
			const parsed = parsePublicArea(bytes);
			if (!parsed.ok) return /^(Malformed|Unsupported)$/.test(parsed.refusal.code);
			return !parsed.value.name.equals(ak.name);
		}),
		{ numRuns: 1000 },
	);
	const point = Buffer.concat([u16(3), u16(0x10), sized(Buffer.alloc(32, 1)), sized(Buffer.alloc(32, 1))]);
	const head = Buffer.concat([
		u16(0x23),
		u16(0x0b),
		u32(AK_ATTRIBUTES),
		u16(0),
		u16(0x10),
		u16(0x18),
		u16(0x0b),
	]);
	isRefused(t, parsePublicArea(sized(Buffer.concat([head, point]))), 'Malformed', /not on its curve/);
});

test('numbers of an ECDSA signature verify however short, with their zeros or without, and no others do', t => {
	for (const [namedCurve, id, size] of [
		['P-256', 3, 32],
		['P-384', 4, 48],
	] as const) {
		const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve });
		const point = publicKey.export({ type: 'spki', format: 'der' }).subarray(-2 * size);
		const head = [u16(0x23), u16(0x0b), u32(AK_ATTRIBUTES), u16(0), u16(0x10), u16(0x18), u16(0x0b)];
		const parameters = [u16(id), u16(0x10), sized(point.subarray(0, size)), sized(point.subarray(size))];
		const key = accepted(parsePublicArea(sized(Buffer.concat([...head, ...parameters]))));
		const encoded = (...numbers: readonly Buffer[]) =>
			Buffer.concat([u16(0x18), u16(0x0b), ...numbers.map(sized)]);
		const zeros = (bytes: Buffer) => bytes.findIndex(byte => byte !== 0);
		let short = 0;
		// One in 128 has a number that begins with a zero.
		for (let n = 0; short < 3; n++) {
			const message = Buffer.from(`${n}`);
			const plain = sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' });
			const numbers = [plain.subarray(0, size), plain.subarray(size)];
			const [r = plain, s = plain] = numbers;
			accepted(verifySignature(key, message, encoded(r, s)));
			if (zeros(r) === 0 && zeros(s) === 0) continue;
			short++;
			accepted(verifySignature(key, message, encoded(r.subarray(zeros(r)), s.subarray(zeros(s)))));
			isRefused(t, verifySignature(key, message, encoded(s, r)), 'SignatureWrong');
		}
		const none = [Buffer.alloc(0), Buffer.alloc(1), Buffer.alloc(size), Buffer.alloc(size, 0xff)];
		for (const r of none)
			for (const s of none)
				isRefused(t, verifySignature(key, Buffer.from('0'), encoded(r, s)), 'SignatureWrong');
		isRefused(
			t,
			verifySignature(key, Buffer.from('0'), encoded(Buffer.alloc(size + 1), Buffer.alloc(size))),
			'SignatureWrong',
		);
	}
});
