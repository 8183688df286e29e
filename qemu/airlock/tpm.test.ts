// The airlock's commands of a TPM beside tpm2-tools, at a TPM that we did not write: each reads what the other has made.
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { accepted } from '../../attest/outcome.fixture.ts';
import { credentialFile, makeCredential } from '../../attest/tpm/make-credential.ts';
import { verifyQuote } from '../../attest/tpm/quote.ts';
import { EK, pcrValues, startSoftwareTpm } from '../../attest/tpm/software-tpm.fixture.ts';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { tpmTools } from '../image/tpm-programs.ts';

const test = testNeeding('swtpm', 'swtpm-tools', 'tpm2-tools', 'gnutls-bin', 'busybox-static');
const script = fileURLToPath(new URL('system/tpm', import.meta.url));
const akOptions = ['-G', 'ecc', '-g', 'sha256', '-s', 'ecdsa', '-u', 'ak.pub', '-f', 'tss', '-n', 'ak.name'];
const pcrs = Array.from({ length: 16 }, (_, pcr) => pcr);
const quoteOptions = ['-m', 'message', '-s', 'signature', '-o', 'pcrs', '--pcrs_format=values'];

/** A TPM, and the airlock's commands for it; the shell that runs them is that of the airlock. */
async function startTpm(t: ExecutionContext) {
	const tpm = await startSoftwareTpm(t);
	const programs = path.join(tpm.folder, 'programs');
	await mkdir(programs);
	for (const tool of tpmTools) await symlink(script, path.join(programs, `tpm2_${tool}`));
	/** Ends with the command's code and what it has said. `answer`: what comes instead of the TPM's answers. */
	const airlock = async (name: string, args: readonly string[], answer?: string) => {
		const wire = net.connect(path.join(tpm.folder, 'tpm-tools'));
		const child = spawn('busybox', ['sh', path.join(programs, name), ...args], {
			cwd: tpm.folder,
			env: { PATH: process.env.PATH, TPM2TOOLS_TCTI: 'fd:3' },
			stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
			timeout: 60_000,
		});
		const device = child.stdio[3] as Duplex;
		// A command that ends early leaves its answer there.
		device.on('error', () => undefined);
		device.on('data', (command: Buffer) => {
			if (answer === undefined) wire.write(command);
			else device.write(Buffer.from(answer, 'hex'));
		});
		wire.on('data', (bytes: Buffer) => device.write(bytes));
		const ended = new Promise<number | null>(resolve => child.on('exit', resolve));
		const said = (
			await Promise.all([child.stdio[1], child.stdio[2]].map(stream => text(stream as Duplex)))
		).join('');
		const code = await ended;
		wire.destroy();
		await new Promise(resolve => wire.once('close', resolve));
		// There is no resource manager that would take away what it has loaded.
		await tpm.tool('tpm2_flushcontext', '-t');
		return { code, said };
	};
	return {
		tpm,
		airlock,
		/** Runs one that must do. */
		async run(name: string, ...args: readonly string[]): Promise<void> {
			t.deepEqual(await airlock(name, args), { code: 0, said: '' }, `${name} ${args.join(' ')}`);
		},
	};
}

test('the airlock finds the same keys and values as tpm2-tools, and each loads the other’s keys', async t => {
	const { tpm, run } = await startTpm(t);
	await run('tpm2_nvread', '0x1c00002', '-C', 'o', '-o', 'ek.der');
	t.deepEqual(await tpm.read('ek.der'), await tpm.ekCertificate('rsa'));
	for (const kind of ['ecc', 'rsa']) {
		const made = ['-G', kind, '-f', 'tss'];
		await run('tpm2_createek', ...made, '-c', 'ek.ctx', '-u', 'ek.pub');
		await tpm.tool('tpm2_createek', ...made, '-c', 'theirs.ctx', '-u', 'theirs.pub');
		t.deepEqual(await tpm.read('ek.pub'), await tpm.read('theirs.pub'));
	}
	await tpm.tool('tpm2_pcrextend', `9:sha256=${'ab'.repeat(32)}`);
	const nonce = randomBytes(20);
	const request = { qualifyingData: nonce, selection: [{ hash: 'sha256', pcrs }] } as const;
	const quote = [
		'-c',
		'ak.ctx',
		'-l',
		`sha256:${pcrs.join(',')}`,
		'-q',
		nonce.toString('hex'),
		'-g',
		'sha256',
	];
	const quoted = async () => {
		const [ak, values] = [await tpm.publicArea('ak.pub'), pcrValues(pcrs, await tpm.read('pcrs'))];
		t.deepEqual(ak.name, await tpm.read('ak.name'));
		const [message, signature] = [await tpm.read('message'), await tpm.read('signature')];
		return accepted(verifyQuote(ak, request, { message, signature, pcrs: values })).pcrs.sha256;
	};
	// Ours below theirs, and theirs below ours.
	await run('tpm2_createak', '-C', 'theirs.ctx', '-c', 'ak.ctx', ...akOptions);
	await tpm.tool('tpm2_quote', ...quote, ...quoteOptions);
	const theirs = await quoted();
	await tpm.tool('tpm2_createak', '-C', 'ek.ctx', '-c', 'ak.ctx', ...akOptions);
	await run('tpm2_quote', ...quote, ...quoteOptions);
	t.deepEqual(await quoted(), theirs);
	t.is(theirs?.size, pcrs.length);
});

test('several banks are quoted in their order', async t => {
	const { tpm, run } = await startTpm(t);
	await run('tpm2_createek', '-G', 'rsa', '-c', 'ek.ctx', '-u', 'ek.pub', '-f', 'tss');
	await run('tpm2_createak', '-C', 'ek.ctx', '-c', 'ak.ctx', ...akOptions);
	const quote = ['-c', 'ak.ctx', '-l', 'sha256:0,17+sha1:1,23', '-q', '00', ...quoteOptions];
	await run('tpm2_quote', ...quote);
	const values = await tpm.read('pcrs');
	t.is(values.length, 2 * 32 + 2 * 20);
	const message = await tpm.read('message');
	t.true(message.includes(createHash('sha256').update(values).digest()));
	await tpm.tool('tpm2_quote', ...quote);
	t.deepEqual(await tpm.read('pcrs'), values);
});

test('a credential is opened by the keys that it is for, in a session with the endorsement hierarchy, and by no others', async t => {
	const { tpm, run, airlock } = await startTpm(t);
	await run('tpm2_createek', '-G', 'rsa', '-c', 'ek.ctx', '-u', 'ek.pub', '-f', 'tss');
	await run('tpm2_createak', '-C', 'ek.ctx', '-c', 'other.ctx', ...akOptions);
	await run('tpm2_createak', '-C', 'ek.ctx', '-c', 'ak.ctx', ...akOptions);
	const [ek, ak] = [await tpm.publicArea('ek.pub'), await tpm.publicArea('ak.pub')];
	const secret = randomBytes(32);
	const made = credentialFile(accepted(makeCredential(ek, ak.name, secret, randomBytes)));
	await writeFile(path.join(tpm.folder, 'credential'), made);
	const activate = (context: string) => [
		...['-Q', '-c', context, '-C', 'ek.ctx', '-i', 'credential', '-o', 'secret'],
	];
	const inSession = async (context: string) => {
		await run('tpm2_startauthsession', '-Q', '--policy-session', '-S', 'session.ctx');
		await run('tpm2_policysecret', '-Q', '-S', 'session.ctx', '-c', 'e');
		return airlock('tpm2_activatecredential', [...activate(context), '-P', 'session:session.ctx']);
	};
	t.deepEqual(await inSession('ak.ctx'), { code: 0, said: '' });
	t.deepEqual(await tpm.read('secret'), secret);
	const wrong = await inSession('other.ctx');
	t.is(wrong.code, 1);
	t.regex(
		wrong.said,
		/^ERROR: tpm2_activatecredential: ActivateCredential: the TPM refuses, with 0x[0-9a-f]{8}\n$/,
	);
	t.is((await airlock('tpm2_activatecredential', activate('ak.ctx'))).code, 1, 'without the hierarchy');
	// One that is not used is given back.
	await run('tpm2_startauthsession', '--policy-session', '-S', 'session.ctx');
	await run('tpm2_flushcontext', 'session.ctx');
	t.is((await airlock('tpm2_flushcontext', ['session.ctx'])).code, 1);
});

test('the airlock extends a PCR, and clears the TPM when nobody forbids it', async t => {
	const { tpm, run, airlock } = await startTpm(t);
	await writeFile(path.join(tpm.folder, 'left'), 'a payload is opened');
	await run('tpm2_pcrevent', '15', 'left');
	await tpm.tool('tpm2_pcrread', 'sha256:15', '-o', 'value');
	const event = createHash('sha256').update('a payload is opened').digest();
	t.deepEqual(await tpm.read('value'), createHash('sha256').update(Buffer.alloc(32)).update(event).digest());

	await tpm.tool('tpm2_clearcontrol', '-C', 'l', 's');
	t.is((await airlock('tpm2_clear', ['-c', 'l'])).code, 1);
	await run('tpm2_clearcontrol', '-C', 'p', 'c');
	await run('tpm2_clear', '-c', 'l');
	await t.throwsAsync(tpm.tool('tpm2_readpublic', '-c', EK.rsa), undefined, 'nothing of before is there');
	await tpm.tool('tpm2_changeauth', '-c', 'l', 'a tenant’s');
	t.is((await airlock('tpm2_clear', ['-c', 'l'])).code, 1);
	await run('tpm2_clear', '-c', 'p');
});

test('what is no answer of a TPM is taken for none, and leaves no file', async t => {
	const { tpm, airlock } = await startTpm(t);
	const answers = [
		...['80', '8001000000', '80010000000a00000000', '80010000000b00000000', '80010000000a0000009a'],
		...['8002000000120000000000000000ffffffff', '8001000000120000000000000000ffffffff'],
		// A size that goes on beyond the end.
		...['80020000001400000000800000000000ffff0000', `800200000012000000008000000000000000`],
	];
	for (const answer of answers) {
		const made = ['-G', 'rsa', '-c', 'ek.ctx', '-u', 'ek.pub', '-f', 'tss'];
		const { code, said } = await airlock('tpm2_createek', made, answer);
		t.is(code, 1, answer);
		t.regex(said, /^ERROR: tpm2_createek: .*(cut short|does not answer|refuses, with 0x)/, answer);
		await t.throwsAsync(tpm.read('ek.pub'), { code: 'ENOENT' }, answer);
	}
});
