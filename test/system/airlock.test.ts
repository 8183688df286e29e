// A node in the airlock: it proves with its TPM what it is and what it has booted, is admitted by one policy, and refused by another.
import { randomBytes, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { stringify } from 'yaml';
import { keyFingerprint } from '../../attest/certificates/fingerprint.ts';
import { createRegistrarClient, createVerifierClient } from '../../attest/client.ts';
import { readEvidence } from '../../attest/evidence/evidence-file.ts';
import { openAttest } from '../../attest/open-attest.ts';
import { readAttestSite } from '../../attest/site.ts';
import { systemClock } from '../../common/clock.ts';
import { hashPassword } from '../../common/identity/passwords.ts';
import { createAuthority, issueServerCertificate } from '../../common/identity/site-ca.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { buildAirlockImage } from '../../qemu/airlock/airlock-image.ts';
import { createConsoleLog } from '../../qemu/machine/console-log.ts';
import { startQemu } from '../../qemu/machine/start-qemu.ts';
import { openTpm } from '../../qemu/server/tpm.ts';
import { testNeeding } from '../debian/test-needing.ts';

const test = testNeeding(
	...['qemu-system-x86', 'qemu-utils', 'mtools', 'syslinux', 'xz-utils'],
	...['swtpm', 'swtpm-tools', 'gnutls-bin'],
);
/** Milliseconds; a loaded machine takes ten times as long as an idle one. */
const bootLimit = 170_000;
/** Where a guest of QEMU's own network finds this machine's loopback. */
const host = '10.0.2.2';

/** Registrar and verifier as `bimetal attest` runs them, for the nodes of project red. */
async function startAttestation(t: ExecutionContext, folder: string, roots: readonly string[]) {
	const site = await createAuthority({ name: 'site', clock: systemClock });
	const names = { names: ['attest'], addresses: [host, '127.0.0.1'] };
	const server = await issueServerCertificate({ authority: site, ...names, clock: systemClock });
	const at = (name: string) => path.join(folder, name);
	const password = randomBytes(12).toString('hex');
	const account = { name: 'alice', admin: true, projects: ['red'], password: await hashPassword(password) };
	await writeFile(at('accounts.yaml'), stringify({ accounts: [account] }));
	await writeFile(at('tls.pem'), server.certificatePem);
	await writeFile(at('tls.key'), server.keyPem, { mode: 0o600 });
	const file = {
		...{ store: { file: 'attest.db' }, listen: { port: 0 }, users: { accounts: 'accounts.yaml' } },
		...{ tls: { certificate: 'tls.pem', key: 'tls.key' }, verifier: {} },
		registrar: { roots: [roots[0]], intermediates: roots.slice(1) },
	};
	await writeFile(at('attest.yaml'), stringify(file));
	const running = await openAttest(readAttestSite(at('attest.yaml')), { logger: silentLogger });
	t.teardown(() => running.close());
	const options = { url: running.url, ca: site.certificatePem, credential: { username: 'alice', password } };
	const [registrar, verifier] = [createRegistrarClient(options), createVerifierClient(options)];
	t.teardown(() => Promise.all([registrar.close(), verifier.close()]));
	return {
		registrar,
		verifier,
		url: `https://${host}:${new URL(running.url).port}`,
		authorities: site.certificatePem,
	};
}

test('a node registers in the airlock, is admitted by what it has booted, and switches itself off when it is refused', async t => {
	t.timeout(900_000);
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-airlock-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const at = (name: string) => path.join(folder, name);
	const run = `test-airlock-${process.pid}`;
	const tpm = await openTpm({
		...{ folder, run, authority: at('authority'), serial: 'node1', model: 'test', manufacturer: 'bimetal' },
		clock: systemClock,
	});
	t.teardown(() => tpm.close());
	const certificate = new X509Certificate(await readFile(at('tpm/ek-rsa2048.crt')));
	const roots = ['swtpm-localca-rootca-cert.pem', 'issuercert.pem'].map(name => at(`authority/${name}`));
	const { registrar, verifier, url, authorities } = await startAttestation(t, folder, roots);
	const { file } = await buildAirlockImage({ registrar: url, verifier: url, authorities, to: folder });

	await tpm.powerOn();
	const console = createConsoleLog();
	const qemu = await startQemu({
		binary: 'qemu-system-x86_64',
		name: 'node1',
		args: [
			...['-M', 'q35,graphics=off', '-accel', 'tcg,tb-size=64', '-cpu', 'qemu64,+rdrand', '-m', '512'],
			...['-nodefaults', '-smbios', 'type=3,asset=node1', '-device', 'virtio-rng-pci'],
			...['-chardev', 'socket,id=tpm,path=tpm.sock', '-tpmdev', 'emulator,id=tpm,chardev=tpm'],
			...['-device', 'tpm-crb,tpmdev=tpm', '-netdev', 'user,id=n', '-drive', `file=${file},if=virtio`],
			...['-device', 'virtio-net-pci,netdev=n,mac=52:54:00:12:34:77'],
		],
		folder,
		run,
		console,
	});
	t.teardown(() => qemu.stop());
	const says = (words: RegExp) => console.waitFor(words, bootLimit);

	await says(/not registered: 40\d [^\r\n]*/);
	t.deepEqual(await registrar.enrolments(), [], 'nobody is let in who is not on record');
	await registrar.enrol('node1', keyFingerprint(certificate.publicKey));
	await says(/airlock: registered as/);
	const reference = await verifier.admit({ node: 'node1', project: 'red', learn: true });
	await says(/airlock: learnt/);
	const [shown] = readEvidence(await verifier.evidence(reference.id)).records;
	const values =
		Buffer.from(shown?.pcrs ?? '', 'base64')
			.toString('hex')
			.match(/.{64}/g) ?? [];
	const pcrs = Object.fromEntries(values.slice(0, 8).map((value, pcr) => [pcr, value]));
	const policy = { version: 1, bank: 'sha256', pcrs };
	await verifier.setPolicy('red', 'default', policy);
	const good = await verifier.admit({ node: 'node1', project: 'red' });
	await says(/airlock: attested\r?\n/);
	t.like(await verifier.admission(good.id), { state: 'attested', node: 'node1', strays: 0 });
	await verifier.end(good.id);

	// The same with another value of one PCR, as another boot loader or kernel would have it.
	await verifier.setPolicy('red', 'default', { ...policy, pcrs: { ...pcrs, 4: 'ab'.repeat(32) } });
	const bad = await verifier.admit({ node: 'node1', project: 'red' });
	const [words] = await says(/airlock: rejected[^\r\n]*[\r\n]/);
	t.regex(words, /PcrNotAllowed/);
	t.like(await verifier.admission(bad.id), { state: 'rejected', code: 'PcrNotAllowed' });
	// Nobody goes on in the airlock with what was refused.
	await qemu.exited;
});
