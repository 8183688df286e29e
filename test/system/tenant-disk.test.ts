// A tenant's encrypted disk: only an attested node opens it. It starts the system in there without another pass of the
// firmware, and goes on proving what runs; another program there, and it is revoked.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { readEvidence } from '../../attest/evidence/evidence-file.ts';
import { pause, systemClock } from '../../common/clock.ts';
import { buildAirlockImage } from '../../qemu/airlock/airlock-image.ts';
import { fileDigests } from '../../qemu/image/file-digests.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { type AirlockSite, airlockParts, startAirlockSite } from './airlock-node.ts';
import { releasePayload } from './release-payload.ts';
import { encryptedTenantImage } from './tenant-image.ts';

const test = testNeeding(...airlockParts, 'e2fsprogs', 'cryptsetup-bin');

/** The PCRs that a reference boot had, by their numbers. */
async function quotedPcrs({ verifier }: AirlockSite, id: string): Promise<Record<number, string>> {
	const [shown] = readEvidence(await verifier.evidence(id)).records;
	const values =
		Buffer.from(shown?.pcrs ?? '', 'base64')
			.toString('hex')
			.match(/.{64}/g) ?? [];
	return Object.fromEntries(values.slice(0, 10).map((value, pcr) => [pcr, value]));
}

test('an attested node opens its tenant’s disk, starts what is in it, and is revoked for a program that was not', async t => {
	t.timeout(900_000);
	const site = await startAirlockSite(t);
	const { at, verifier } = site;
	const airlock = await buildAirlockImage({ ...site.services, to: at('.') });
	const image = await encryptedTenantImage(at);
	const { luksKey, boot } = image;
	// What a provider has that keeps the disk: no line of a script that is in it, and that the plain image shows.
	const line = 'Goes on proving what runs here';
	t.true((await readFile(image.plain)).includes(line));
	t.false((await readFile(image.file)).includes(line));

	await site.enrol();
	const { qemu, says } = await site.boot({ disk: airlock.file, tenantDisk: image.file });
	await says(/airlock: registered as/);
	const reference = await verifier.admit({ node: 'node1', project: 'red', learn: true });
	await says(/airlock: learnt/);
	const digests = [...(await fileDigests(image.plain))].map(([file, digest]) => [file, `sha256:${digest}`]);
	const ima = { files: Object.fromEntries(digests), exclude: ['/var/**'], kexec: true };
	const pcrs = await quotedPcrs(site, reference.id);
	const policy = { version: 1, bank: 'sha256', pcrs, ima };
	await verifier.setPolicy('red', 'default', policy);
	await verifier.setPolicy('red', 'untouched', { ...policy, erased: true });

	// A payload for another kernel than the disk has: nothing of it is started, and the node stays what it is.
	const of = { node: 'node1', project: 'red', interval: 3, lease: 600 };
	const wary = await verifier.admit({ ...of, policy: 'untouched' });
	await says(/airlock: attested\r?\n/);
	const kernel = createHash('sha256').update('another kernel').digest('hex');
	const roots = ['swtpm-localca-rootca-cert.pem', 'issuercert.pem'].map(file => at(`authority/${file}`));
	await releasePayload(
		verifier,
		{ id: wary.id, node: 'node1', roots },
		{ luksKey, boot: { ...boot, kernel } },
	);
	const [refusal] = await says(/airlock: \/boot\/vmlinuz is [^\r\n]*\r?\n/);
	t.true(refusal.includes(`another one than the payload says: sha256 ${boot.kernel}`), refusal);
	// But the node's TPM tells from now on, and until it is reset, that it has touched what a tenant sent.
	const touched = async () =>
		readEvidence(await verifier.evidence(wary.id)).records.map(
			record => !Buffer.from(record.pcrs, 'base64').subarray(-32).equals(Buffer.alloc(32)),
		);
	while (!(await touched()).at(-1)) await pause(systemClock, 500);
	t.false((await touched())[0]);
	t.is((await verifier.admission(wary.id)).state, 'attested');
	await verifier.end(wary.id);
	await says(/airlock: registered as/);

	const good = await verifier.admit(of);
	await says(/airlock: attested\r?\n/);
	await releasePayload(verifier, { id: good.id, node: 'node1', roots }, { luksKey, boot });
	await says(/airlock: starting the tenant's system from vd/);
	await says(/image: boot 1 of node1 root=encrypted firmware=bios\r?\n/);
	await says(/node: goes on as/);
	await says(/node: attested\r?\n/);
	const before = await verifier.admission(good.id);
	t.like(before, { state: 'attested', strays: 0 });

	// Nothing of what was handed over is left where the system can see it but what its agent needs; and no other kernel starts.
	qemu.write(
		'cd /run/bimetal/handover; ls; cat /proc/sys/kernel/kexec_load_disabled /proc/cmdline; echo th""at\r',
	);
	const [shown] = await says(/ls; cat[\s\S]*that\r?\n/);
	t.regex(shown, /\r\nagent {2,}root-disk\r?\n1\r?\n[^\r\n]*ima_policy=tcb no_timer_check\r?\nthat/);

	// A program that is not of the image, though no more than a copy with a byte behind it.
	qemu.write('cp /bin/busybox /bin/other && echo >> /bin/other && /bin/other true; echo r""an\r');
	await says(/ran\r?\n/);
	const ran = Date.now();
	const [words] = await says(/node: revoked[^\r\n]*\r?\n/);
	t.log(`revoked ${Date.now() - ran} ms after a program had run that is not of the image`);
	t.regex(words, /FileNotAllowed: \/bin\/other/);
	t.like(await verifier.admission(good.id), { state: 'revoked', code: 'FileNotAllowed' });
});
