import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { readEfiProgram } from './efi-program.ts';
import { measureProgram } from './measured-program.ts';
import { signProgram } from './signed-program.ts';
import { unifiedKernel } from './unified-kernel.ts';

const commandLine = 'console=ttyS0 quiet';

/** A program with one section, as the format asks for it; it does nothing. */
function smallProgram(name: string, content: string): Buffer {
	const file = Buffer.alloc(1024);
	const [coff, optional] = [68, 88];
	file.write('MZ', 0, 'latin1');
	file.writeUInt32LE(64, 0x3c);
	file.write('PE\0\0', 64, 'latin1');
	file.writeUInt16LE(0x8664, coff);
	file.writeUInt16LE(1, coff + 2);
	file.writeUInt16LE(240, coff + 16);
	file.writeUInt16LE(0x22, coff + 18);
	file.writeUInt16LE(0x20b, optional);
	for (const [at, value] of [
		[16, 4096],
		[32, 4096],
		[36, 512],
		[56, 8192],
		[60, 512],
		[108, 16],
	] as const)
		file.writeUInt32LE(value, optional + at);
	file.writeUInt16LE(10, optional + 68);
	const table = optional + 240;
	file.write(name, table, 'latin1');
	for (const [at, value] of [
		[8, content.length],
		[12, 4096],
		[16, 512],
		[20, 512],
		[36, 0x40000040],
	] as const)
		file.writeUInt32LE(value, table + at);
	file.write(content, 512, 'latin1');
	return file;
}

const kernel = smallProgram('.text', 'a kernel');
const program = (initrd = 'an initrd', line = commandLine): Buffer =>
	unifiedKernel({
		...{ stub: smallProgram('.sbat', 'sbat,1\n'), kernel },
		...{ initrd: Buffer.from(initrd), commandLine: line },
	});

test('each part of a program is in one PCR or more, and nothing else is', t => {
	const { pcrs, images } = measureProgram(program());
	t.deepEqual(measureProgram(program()).pcrs, pcrs);
	t.is(images[1], readEfiProgram(kernel).digest);
	for (const other of [program('another one'), program(undefined, 'console=ttyS0 debug')])
		for (const value of Object.values(pcrs).flat())
			t.false(Object.values(measureProgram(other).pcrs).flat().includes(value));
	// Neither its checksum nor what stands in its headers of signatures.
	const touched = program();
	touched.fill(0xff, 88 + 64, 88 + 68);
	t.is(readEfiProgram(touched).digest, images[0]);
});

test('what is no such program, is cut short, or has a section that nobody knows, is refused', t => {
	const whole = program();
	for (const length of [0, 60, 100, 400, 1500])
		t.throws(() => measureProgram(whole.subarray(0, length)), { code: 'ProgramUnfit' }, `${length} bytes`);
	t.throws(() => measureProgram(kernel), { code: 'ProgramUnfit', message: /no section \.linux/ });
	const renamed = Buffer.from(whole);
	renamed.write('.osrel', renamed.indexOf('.sbat'), 'latin1');
	t.throws(() => measureProgram(renamed), { code: 'ProgramUnfit', message: /section \.osrel/ });
});

const testSigning = testNeeding('sbsigntool', 'openssl');

testSigning('sbsign signs the digest that is worked out here, and it stays the same', async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-signed-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const at = (name: string) => path.join(folder, name);
	const made = [
		'-newkey',
		'rsa:2048',
		'-nodes',
		'-subj',
		'/CN=signer',
		'-keyout',
		at('key'),
		'-out',
		at('pem'),
	];
	execFileSync('openssl', ['req', '-x509', ...made], { stdio: 'ignore' });
	const { digest } = readEfiProgram(program());
	const signed = await signProgram(folder, program(), { key: at('key'), certificate: at('pem') });
	t.true(signed.includes(Buffer.from(digest, 'hex')));
	t.is(readEfiProgram(signed).digest, digest);
	await writeFile(at('key'), 'no key');
	await t.throwsAsync(signProgram(folder, program(), { key: at('key'), certificate: at('pem') }), {
		code: 'GuestNotBuilt',
		message: /^sbsign: /,
	});
});
