// What the tenant's machine seals, a node's shell opens with Debian's openssl and tpm2-tools; and nothing else does.
import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { openPayload } from '../agent/open-payload.fixture.ts';
import { makeKey } from '../agent.fixture.ts';
import { accepted } from '../outcome.fixture.ts';
import { credentialFile, makeCredential } from '../tpm/make-credential.ts';
import { EK, type SoftwareTpm, startSoftwareTpm } from '../tpm/software-tpm.fixture.ts';
import { encryptToNode, joinParts, type PayloadIdentity, sealPayload } from './sealed-payload.ts';

const test = testNeeding('swtpm', 'swtpm-tools', 'tpm2-tools', 'gnutls-bin', 'openssl');
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
	readonly t: Buffer;
	readonly u: Buffer;
	readonly v: Buffer;
	readonly sealed: Buffer;
}

const bodyOf = ({ t, u, v, sealed }: Parts, admission = identity.admission) => ({
	admission,
	payloadT: t.toString('base64'),
	payloadU: u.toString('base64'),
	payloadV: v.toString('base64'),
	payload: sealed.toString('base64'),
});

/** A TPM with an attestation key, and what seals for both. */
async function startNode(t: ExecutionContext) {
	const tpm = await startSoftwareTpm(t);
	const keys = {
		ecc: { ek: EK.ecc, context: 'ak.ctx', name: 'ak' },
		rsa: { ek: EK.rsa, context: 'rsa-ak.ctx', name: 'rsa-ak' },
	};
	await makeKey(tpm);
	await makeKey(tpm, 'rsa-ak', EK.rsa);
	const wrapTo = async (part: Buffer, kind: keyof typeof keys = 'ecc', of: SoftwareTpm = tpm) => {
		await of.tool('tpm2_readpublic', '-c', keys[kind].ek, '-o', 'ek.pub', '-f', 'tss');
		const ak = await tpm.publicArea(`${keys[kind].name}.pub`);
		return credentialFile(accepted(makeCredential(await of.publicArea('ek.pub'), ak.name, part, fixed)));
	};
	async function sealFor(payload: Buffer, seed: string, kind: keyof typeof keys = 'ecc'): Promise<Parts> {
		// Zeros and line feeds within the parts must come through a shell as well.
		const parts = {
			t: Buffer.concat([Buffer.from([10, 0, 255]), bytes(`${seed} t`, 27), Buffer.from([0, 10])]),
			u: Buffer.concat([Buffer.from([0, 10, 37, 92]), bytes(`${seed} u`, 28)]),
			v: Buffer.concat([bytes(`${seed} v`, 28), Buffer.from([0, 0, 10, 10])]),
		};
		const sealed = sealPayload(payload, { key: joinParts(parts), salt: bytes(`${seed} salt`, 8), identity });
		const [u, v] = [encryptToNode(publicKey, parts.u), encryptToNode(publicKey, parts.v)];
		return { t: await wrapTo(parts.t, kind), u, v, sealed };
	}
	const open = (parts: Parts, more: object = {}, admission?: string, key: KeyObject = privateKey) =>
		openPayload(tpm, bodyOf(parts, admission), { key, ...more });
	return { tpm, sealFor, wrapTo, open };
}

let drawn = 0;
const fixed = (size: number): Buffer => bytes(`drawn ${drawn++}`, size);

test('a shell with openssl and a TPM opens what was sealed, of any length and any bytes', async t => {
	const { tpm, sealFor, open } = await startNode(t);
	const payloads = [Buffer.from('x'), bytes('lines', 1000), bytes('large', 64 * 1024)];
	for (const [index, payload] of payloads.entries()) {
		const opened = await open(await sealFor(payload, `case ${index}`));
		t.is(opened.err, '');
		t.deepEqual(opened.out, payload);
	}
	const odd = Buffer.from('100%\\n\0');
	const inBash = await open(await sealFor(odd, 'bash'), { shell: 'bash' });
	t.deepEqual(inBash.out, odd, inBash.err);
	const byRsa = await open(await sealFor(odd, 'rsa', 'rsa'), { ek: EK.rsa, ak: 'rsa-ak.ctx' });
	t.deepEqual(byRsa.out, odd, byRsa.err);
	// An endorsement key of the "low range", as the airlock makes it: to be used by its policy only.
	await tpm.tool('tpm2_createek', '-G', 'rsa', '-c', 'low.ctx', '-u', 'low.pub', '-f', 'tss');
	await makeKey(tpm, 'low-ak', 'low.ctx');
	const part = bytes('low t', 32);
	const [low, ak] = [await tpm.publicArea('low.pub'), await tpm.publicArea('low-ak.pub')];
	t.is(low.attributes & (1 << 6), 0, 'nobody uses it without its policy');
	const [u, v] = [bytes('low u', 32), bytes('low v', 32)];
	const key = joinParts({ t: part, u, v });
	const byPolicy = await open(
		{
			t: credentialFile(accepted(makeCredential(low, ak.name, part, fixed))),
			u: encryptToNode(publicKey, u),
			v: encryptToNode(publicKey, v),
			sealed: sealPayload(odd, { key, salt: bytes('low salt', 8), identity }),
		},
		{ ek: 'low.ctx', ak: 'low-ak.ctx' },
	);
	t.deepEqual(byPolicy.out, odd, byPolicy.err);
});

test('trap: nothing comes out of what was changed, cut, exchanged, or sealed for another admission, node or TPM', async t => {
	const { tpm, sealFor, wrapTo, open } = await startNode(t);
	const good = await sealFor(bytes('secret', 300), 'good');
	const flipped = (at: number): Buffer => {
		const copy = Buffer.from(good.sealed);
		copy[at] = (copy[at] ?? 0) ^ 1;
		return copy;
	};
	const other = await sealFor(bytes('secret', 300), 'other');
	const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;
	const short = encryptToNode(publicKey, Buffer.alloc(31));
	const elsewhere = await startSoftwareTpm(t);
	const bad: readonly (readonly [string, Parts, RegExp])[] = [
		['salt', { ...good, sealed: flipped(9) }, /was changed/],
		['first byte', { ...good, sealed: flipped(16) }, /was changed/],
		['last byte', { ...good, sealed: flipped(good.sealed.length - 33) }, /was changed/],
		['HMAC', { ...good, sealed: flipped(good.sealed.length - 1) }, /was changed/],
		['cut', { ...good, sealed: good.sealed.subarray(0, 200) }, /was changed/],
		['short', { ...good, sealed: good.sealed.subarray(0, 47) }, /cut short/],
		['another V', { ...good, v: other.v }, /was changed/],
		['another T', { ...good, t: other.t }, /was changed/],
		['parts of another payload', { ...other, sealed: good.sealed }, /was changed/],
		['one part twice', { ...good, v: good.u }, /was changed/],
		['no part', { ...good, u: short }, /payloadU is no part of a key/],
		['a short part', { ...good, t: await wrapTo(Buffer.alloc(31, 1)) }, /payloadT is no part of a key/],
		[
			'another node’s',
			{ ...good, v: encryptToNode(stranger, bytes('v', 32)) },
			/payloadV is not encrypted to this/,
		],
		[
			'another TPM’s',
			{ ...good, t: await wrapTo(bytes('good t', 32), 'ecc', elsewhere) },
			/payloadT is not for this TPM/,
		],
		['no credential', { ...good, t: Buffer.from('badcc0de00000001', 'hex') }, /payloadT is not for this TPM/],
	];
	const fails = async (what: string, why: RegExp, opening: ReturnType<typeof open>) => {
		const opened = await opening;
		t.is(opened.code, 1, what);
		t.is(opened.out.length, 0, what);
		t.regex(opened.err, why, what);
	};
	for (const [what, parts, why] of bad) await fails(what, why, open(parts));
	for (const admission of ['another', `${identity.admission}\nn1`])
		await fails(admission, /was changed/, open(good, {}, admission));
	await fails('n2', /was changed/, open(good, { node: 'n2' }));
	// Another attestation key of the same TPM, such as one that was made after the tenant looked.
	await makeKey(tpm, 'second');
	await fails('second', /payloadT is not for this TPM/, open(good, { ak: 'second.ctx' }));
	t.is((await open(good)).code, 0);
});
