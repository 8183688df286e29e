// Our verification against a TPM that we did not write. Each trap of quotes is one that swtpm plays along with.
import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { accepted, isRefused } from '../outcome.fixture.ts';
import { makeCredential } from './make-credential.ts';
import { type QuoteRequest, verifyQuote } from './quote.ts';
import { EK, pcrValues, startSoftwareTpm } from './software-tpm.fixture.ts';

const testTpm = testNeeding('swtpm', 'swtpm-tools', 'tpm2-tools', 'gnutls-bin');
const PCRS = [0, 1, 2, 4, 7, 9, 10];
const NONCE = Buffer.from('0123456789abcdef0123456789abcdef', 'hex');
const request = (pcrs: readonly number[] = PCRS): QuoteRequest => ({
	qualifyingData: NONCE,
	selection: [{ hash: 'sha256', pcrs }],
});

testTpm('quotes of every scheme verify, and each change to one is refused for its reason', async t => {
	const tpm = await startSoftwareTpm(t);
	const digest = createHash('sha256').update('a boot loader').digest('hex');
	await tpm.tool('tpm2_pcrextend', `4:sha256=${digest}`);
	const schemes = [
		['rsa', 'rsa', 'rsassa'],
		['rsa', 'rsa', 'rsapss'],
		['rsa', 'ecc', 'ecdsa'],
		['ecc', 'rsa', 'rsassa'],
		['ecc', 'ecc', 'ecdsa'],
	] as const;
	for (const [ek, algorithm, scheme] of schemes) {
		await tpm.tool(
			'tpm2_createak',
			...['-C', EK[ek], '-c', 'ak.ctx', '-G', algorithm, '-g', 'sha256', '-s', scheme],
			...['-u', 'ak.pub', '-f', 'tss', '-n', 'ak.name'],
		);
		const ak = await tpm.publicArea('ak.pub');
		t.deepEqual(ak.name, await tpm.read('ak.name'));
		await tpm.tool(
			'tpm2_quote',
			...['-c', 'ak.ctx', '-l', `sha256:${PCRS.join(',')}`, '-q', NONCE.toString('hex'), '-g', 'sha256'],
			...['-m', 'message', '-s', 'signature', '-o', 'pcrs', '--pcrs_format=values', '--scheme', scheme],
		);
		const evidence = {
			message: await tpm.read('message'),
			signature: await tpm.read('signature'),
			pcrs: pcrValues(PCRS, await tpm.read('pcrs')),
		};
		const quote = accepted(verifyQuote(ak, request(), evidence));
		const extended = createHash('sha256')
			.update(Buffer.alloc(32))
			.update(Buffer.from(digest, 'hex'))
			.digest();
		t.deepEqual(quote.pcrs.sha256?.get(4), extended);
		t.deepEqual([...(quote.pcrs.sha256?.keys() ?? [])], PCRS);
		t.true(quote.clock.resetCount > 0 && quote.clock.clock > 0n);

		isRefused(
			t,
			verifyQuote(ak, { ...request(), qualifyingData: Buffer.from('old') }, evidence),
			'NonceWrong',
		);
		isRefused(t, verifyQuote(ak, request([0, 1]), evidence), 'SelectionWrong', /sha256:0,1 was asked for/);
		isRefused(t, verifyQuote(ak, request([]), evidence), 'PolicyEmpty');
		const changed = { sha256: new Map(evidence.pcrs.sha256).set(7, Buffer.alloc(32, 1)) };
		isRefused(t, verifyQuote(ak, request(), { ...evidence, pcrs: changed }), 'DigestWrong');
		const without = new Map(evidence.pcrs.sha256);
		without.delete(7);
		isRefused(
			t,
			verifyQuote(ak, request(), { ...evidence, pcrs: { sha256: without } }),
			'DigestWrong',
			/PCR 7/,
		);
		isRefused(t, verifyQuote(ak, request(), { ...evidence, pcrs: {} }), 'DigestWrong');

		for (const name of ['message', 'signature'] as const) {
			const good = evidence[name];
			for (let length = 0; length < good.length; length++) {
				const cut = verifyQuote(ak, request(), { ...evidence, [name]: good.subarray(0, length) });
				t.false(cut.ok, `${name} cut to ${length}`);
				const flipped = Buffer.from(good);
				flipped[length] = (flipped[length] ?? 0) ^ (1 << (length & 7));
				t.false(verifyQuote(ak, request(), { ...evidence, [name]: flipped }).ok, `${name} at ${length}`);
			}
			t.false(verifyQuote(ak, request(), { ...evidence, [name]: Buffer.concat([good, Buffer.of(0)]) }).ok);
		}
	}
});

testTpm('a resettable PCR is not another one, and what is no quote is none', async t => {
	const tpm = await startSoftwareTpm(t);
	await tpm.tool(
		'tpm2_createak',
		...[
			'-C',
			EK.rsa,
			'-c',
			'ak.ctx',
			'-G',
			'rsa',
			'-g',
			'sha256',
			'-s',
			'rsassa',
			'-u',
			'ak.pub',
			'-f',
			'tss',
		],
		...['-n', 'ak.name'],
	);
	const ak = await tpm.publicArea('ak.pub');
	const wanted = createHash('sha256').update('what PCR 4 should have').digest();
	await tpm.tool('tpm2_pcrreset', '23');
	await tpm.tool('tpm2_pcrextend', `23:sha256=${wanted.toString('hex')}`);
	await tpm.tool(
		'tpm2_quote',
		...['-c', 'ak.ctx', '-l', 'sha256:23', '-q', NONCE.toString('hex'), '-g', 'sha256'],
		...['-m', 'message', '-s', 'signature', '-o', 'pcrs', '--pcrs_format=values'],
	);
	const [message, signature] = [await tpm.read('message'), await tpm.read('signature')];
	const value = await tpm.read('pcrs');
	isRefused(
		t,
		verifyQuote(ak, request([4]), { message, signature, pcrs: pcrValues([4], value) }),
		'SelectionWrong',
	);
	t.true(verifyQuote(ak, request([23]), { message, signature, pcrs: pcrValues([23], value) }).ok);

	await tpm.tool(
		'tpm2_certify',
		...['-c', 'ak.ctx', '-C', 'ak.ctx', '-g', 'sha256', '-o', 'certified', '-s', 'certified.signature'],
	);
	const certified = {
		message: await tpm.read('certified'),
		signature: await tpm.read('certified.signature'),
		pcrs: pcrValues([23], value),
	};
	isRefused(t, verifyQuote(ak, request([23]), certified), 'NotQuote', /0x8017/);

	// A key of the same TPM that is not restricted signs a forged quote with every value that one likes.
	await tpm.tool('tpm2_createprimary', '-C', 'o', '-c', 'parent.ctx');
	await tpm.tool(
		'tpm2_create',
		...['-C', 'parent.ctx', '-G', 'rsa2048:rsassa-sha256:null', '-c', 'free.ctx', '-u', 'free.bin'],
		...['-a', 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign', '-r', 'free.priv'],
	);
	await tpm.tool('tpm2_readpublic', '-c', 'free.ctx', '-o', 'free.pub', '-f', 'tss');
	const forged = Buffer.from(message);
	forged.set(createHash('sha256').update(wanted).digest(), forged.length - 32);
	await writeFile(path.join(tpm.folder, 'forged'), forged);
	await tpm.tool(
		'tpm2_sign',
		'-c',
		'free.ctx',
		'-g',
		'sha256',
		'-s',
		'rsassa',
		'-o',
		'forged.signature',
		'forged',
	);
	const forgery = {
		message: forged,
		signature: await tpm.read('forged.signature'),
		pcrs: pcrValues([23], wanted),
	};
	isRefused(
		t,
		verifyQuote(await tpm.publicArea('free.pub'), request([23]), forgery),
		'KeyUnfit',
		/is not restricted$/,
	);
	isRefused(t, verifyQuote(ak, request([23]), forgery), 'SignatureWrong');
});

testTpm(
	'only the TPM of the endorsement key opens a credential, and only for that attestation key',
	async t => {
		const tpm = await startSoftwareTpm(t);
		for (const kind of ['rsa', 'ecc'] as const) {
			await tpm.tool(
				'tpm2_createak',
				...['-C', EK[kind], '-c', 'ak.ctx', '-G', 'ecc', '-g', 'sha256', '-s', 'ecdsa', '-u', 'ak.pub'],
				...['-f', 'tss', '-n', 'ak.name'],
			);
			await tpm.tool('tpm2_readpublic', '-c', EK[kind], '-o', 'ek.pub', '-f', 'tss');
			const [ek, ak] = [await tpm.publicArea('ek.pub'), await tpm.publicArea('ak.pub')];
			const secret = Buffer.from('a secret that proves the binding');
			const activate = async (akName: Buffer) => {
				const { idObject, encryptedSeed } = accepted(makeCredential(ek, akName, secret, randomBytes));
				const header = Buffer.from('badcc0de00000001', 'hex');
				await writeFile(
					path.join(tpm.folder, 'credential'),
					Buffer.concat([header, idObject, encryptedSeed]),
				);
				const activation = ['-c', 'ak.ctx', '-C', EK[kind], '-i', 'credential', '-o', 'secret'];
				// The P-384 key is of a template that an empty password opens as well; the RSA key wants the owner's.
				if (kind === 'ecc') await tpm.tool('tpm2_activatecredential', ...activation);
				else {
					await tpm.tool('tpm2_startauthsession', '--policy-session', '-S', 'session');
					try {
						await tpm.tool('tpm2_policysecret', '-S', 'session', '-c', 'e');
						await tpm.tool('tpm2_activatecredential', ...activation, '-P', 'session:session');
					} finally {
						await tpm.tool('tpm2_flushcontext', 'session');
					}
				}
				return tpm.read('secret');
			};
			t.deepEqual(await activate(ak.name), secret);
			await t.throwsAsync(activate(ek.name), { message: /tpm2_activatecredential/ });
			isRefused(t, makeCredential(ak, ak.name, secret, randomBytes), 'KeyUnfit');
			t.throws(() => makeCredential(ek, ak.name, Buffer.alloc(65), randomBytes), { instanceOf: RangeError });
		}
	},
);
