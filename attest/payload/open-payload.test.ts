// What the tenant's machine seals, a node's shell opens with Debian's openssl; and nothing else does.
import { execFile } from 'node:child_process';
import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { encryptToNode, joinHalves, type PayloadIdentity, sealPayload } from './sealed-payload.ts';

const test = testNeeding('openssl');
const program = fileURLToPath(new URL('../agent/open-payload', import.meta.url));
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

/** Bytes that look like chance and are the same every time. */
const bytes = (seed: string, length: number): Buffer =>
	Buffer.concat(
		Array.from({ length: Math.ceil(length / 32) }, (_, index) =>
			createHash('sha256').update(`${seed} ${index}`).digest(),
		),
	).subarray(0, length);

const identity: PayloadIdentity = {
	admission: '0b0e5a35-9f5c-4a58-9ac8-d0e9d4b4a001',
	node: 'n1',
	nodeKey: publicKey.export({ type: 'spki', format: 'der' }),
};

interface Parts {
	readonly u: Buffer;
	readonly v: Buffer;
	readonly sealed: Buffer;
}

function sealFor(payload: Buffer, seed: string, key: KeyObject = publicKey): Parts {
	// Zeros and line feeds within the halves must come through a shell as well.
	const u = Buffer.concat([Buffer.from([0, 10, 37, 92]), bytes(`${seed} u`, 28)]);
	const v = Buffer.concat([bytes(`${seed} v`, 28), Buffer.from([0, 0, 10, 10])]);
	const sealed = sealPayload(payload, { key: joinHalves(u, v), salt: bytes(`${seed} salt`, 8), identity });
	return { u: encryptToNode(key, u), v: encryptToNode(key, v), sealed };
}

async function open(
	t: ExecutionContext,
	{ u, v, sealed }: Parts,
	{ admission = identity.admission, node = identity.node, shell = 'sh' } = {},
): Promise<{ code: number; out: Buffer; err: string }> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-open-payload-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const put = (name: string, content: string | Buffer) =>
		writeFile(path.join(folder, name), content, { mode: 0o600 });
	await put('node.pem', privateKey.export({ type: 'pkcs8', format: 'pem' }));
	await put('payloadU', u.toString('base64'));
	await put('payloadV', v.toString('base64'));
	await put('payload', sealed.toString('base64'));
	return new Promise(resolve => {
		execFile(
			shell,
			[program, path.join(folder, 'node.pem'), admission, node, folder],
			{ encoding: 'buffer', timeout: 60_000, maxBuffer: 1024 * 1024 },
			(fault, out, err) => resolve({ code: fault ? 1 : 0, out, err: err.toString() }),
		);
	});
}

test('a shell with openssl opens what was sealed, of any length and any bytes', async t => {
	const payloads = [Buffer.from('x'), bytes('lines', 1000), bytes('large', 64 * 1024)];
	for (const [index, payload] of payloads.entries()) {
		const opened = await open(t, sealFor(payload, `case ${index}`));
		t.is(opened.err, '');
		t.deepEqual(opened.out, payload);
	}
	const inBash = await open(t, sealFor(Buffer.from('100%\\n\0'), 'bash'), { shell: 'bash' });
	t.deepEqual(inBash.out, Buffer.from('100%\\n\0'), inBash.err);
});

test('trap: nothing comes out of what was changed, cut, exchanged, or sealed for another admission or node', async t => {
	const good = sealFor(bytes('secret', 300), 'good');
	const flipped = (at: number): Buffer => {
		const copy = Buffer.from(good.sealed);
		copy[at] = (copy[at] ?? 0) ^ 1;
		return copy;
	};
	const other = sealFor(bytes('secret', 300), 'other');
	const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;
	const short = encryptToNode(publicKey, Buffer.alloc(31));
	const bad: readonly (readonly [string, Parts, RegExp])[] = [
		['salt', { ...good, sealed: flipped(9) }, /was changed/],
		['first byte', { ...good, sealed: flipped(16) }, /was changed/],
		['last byte', { ...good, sealed: flipped(good.sealed.length - 33) }, /was changed/],
		['HMAC', { ...good, sealed: flipped(good.sealed.length - 1) }, /was changed/],
		['cut', { ...good, sealed: good.sealed.subarray(0, 200) }, /was changed/],
		['short', { ...good, sealed: good.sealed.subarray(0, 47) }, /cut short/],
		['another half', { ...good, v: other.v }, /was changed/],
		['halves of another payload', { ...other, sealed: good.sealed }, /was changed/],
		['one half twice', { ...good, v: good.u }, /was changed/],
		['no half', { ...good, u: short }, /payloadU is no half of a key/],
		[
			'another node’s',
			{ ...good, v: encryptToNode(stranger, bytes('v', 32)) },
			/payloadV is not encrypted to this/,
		],
	];
	for (const [what, parts, why] of bad) {
		const opened = await open(t, parts);
		t.is(opened.code, 1, what);
		t.is(opened.out.length, 0, what);
		t.regex(opened.err, why, what);
	}
	for (const wrong of [
		{ admission: 'another' },
		{ node: 'n2' },
		{ admission: `${identity.admission}\nn1` },
	]) {
		const opened = await open(t, good, wrong);
		t.is(opened.code, 1);
		t.is(opened.out.length, 0);
	}
});
