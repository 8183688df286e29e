// A node that boots the airlock by UEFI, with Secure Boot: what its firmware has measured is learnt once, and whatever is changed
// afterwards (the kernel's command line, a variable of the firmware's) is found out.
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { readEvidence } from '../../attest/evidence/evidence-file.ts';
import { learnFromEvidence } from '../../attest/evidence/learn-from-evidence.ts';
import { parseEventLog } from '../../attest/log/event-log.ts';
import { accepted, isRefused } from '../../attest/outcome.fixture.ts';
import { judgeBoot } from '../../attest/policy/boot-rules.ts';
import { parsePolicy } from '../../attest/policy/policy.ts';
import { buildAirlockImage } from '../../qemu/airlock/airlock-image.ts';
import { makeDiskImage } from '../../qemu/guest/disk-image.ts';
import { measureProgram } from '../../qemu/guest/measured-program.ts';
import { signProgram } from '../../qemu/guest/signed-program.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { type AirlockSite, airlockParts, startAirlockSite, uefiVariables } from './airlock-node.ts';

const test = testNeeding(...airlockParts, 'ovmf', 'sbsigntool', 'openssl');
/** A key that everybody has: those variables trust it (Debian's package ovmf). */
const publicKey = {
	key: '/usr/share/ovmf/PkKek-1-snakeoil.key',
	certificate: '/usr/share/ovmf/PkKek-1-snakeoil.pem',
};
const commandLine = 'console=ttyS0,115200n8 quiet panic=10';

/** It is encrypted there, with its name. */
async function openKey({ at }: AirlockSite): Promise<typeof publicKey> {
	const key = at('signer.key');
	const how = ['-in', publicKey.key, '-passin', 'pass:snakeoil', '-out', key];
	await promisify(execFile)('openssl', ['pkey', ...how]);
	return { ...publicKey, key };
}

/**
 * Variables with another `db`: who is said to have put its certificate there (EFI_SIGNATURE_DATA.SignatureOwner, UEFI 2.10,
 * section 32.4.1) is somebody else. All that was signed is still trusted.
 */
async function otherAuthorities({ at }: AirlockSite): Promise<string> {
	const variables = await readFile(uefiVariables.secure);
	// EFI_IMAGE_SECURITY_DATABASE_GUID and the name, as they stand in the store.
	const head = Buffer.concat([
		Buffer.from('cbb219d73a3d9645a3bcdad00e67656f', 'hex'),
		Buffer.from('db\0', 'utf16le'),
	]);
	const found = variables.indexOf(head);
	if (found < 0) throw new Error('these variables have no db');
	const owner = found + head.length + 28;
	variables[owner] = (variables[owner] ?? 0) ^ 0xff;
	await writeFile(at('other-variables'), variables);
	return at('other-variables');
}

test('a policy learnt from a UEFI boot admits that boot, and finds out another command line and other variables', async t => {
	t.timeout(1_500_000);
	const site = await startAirlockSite(t);
	const { verifier } = site;
	await site.enrol();
	const signer = await openKey(site);
	const { file, program } = await buildAirlockImage({ ...site.services, signer, to: site.at('.') });

	const reference = await verifier.admit({ node: 'node1', project: 'red', learn: true });
	const first = await site.boot({ disk: file, variables: uefiVariables.secure });
	// Those that the firmware has made itself, for its network cards and disks.
	await first.says(/airlock: [1-9]\d* boot entries and other variables of systems are removed/);
	await first.says(/airlock: learnt/);
	const { policy } = learnFromEvidence(readEvidence(await verifier.evidence(reference.id)));
	t.is(policy.boot?.secureBoot, 'on');
	t.true(policy.erased);
	// With Secure Boot the kernel measures each module that it loads, by a rule of its own.
	t.true(Object.keys(policy.ima?.files ?? {}).includes('/lib/modules/virtio_net.ko'));
	await verifier.setPolicy('red', 'default', policy);
	const good = await verifier.admit({ node: 'node1', project: 'red' });
	await first.says(/airlock: attested\r?\n/);
	t.like(await verifier.admission(good.id), { state: 'attested', node: 'node1', strays: 0 });
	await verifier.end(good.id);
	// It has noticed.
	await first.says(/airlock: registered as/);

	// What is worked out from the program alone stands in the PCRs: who has built it needs no boot of it to know them.
	const [shown] = readEvidence(await verifier.evidence(reference.id)).records;
	const values = Buffer.from(shown?.pcrs ?? '', 'base64');
	const firmware = [0, 1, 2, 3, 5, 6, 7].map(pcr => [pcr, values.toString('hex', pcr * 32, pcr * 32 + 32)]);
	const { pcrs } = measureProgram(await readFile(program));
	await verifier.setPolicy('red', 'built', {
		version: 1,
		pcrs: { ...Object.fromEntries(firmware), ...pcrs },
	});
	const built = await verifier.admit({ node: 'node1', project: 'red', policy: 'built' });
	await first.says(/airlock: attested\r?\n/);
	t.like(await verifier.admission(built.id), { state: 'attested', strays: 0 });
	await verifier.end(built.id);

	/** Boots what must be refused: why it was, and what its firmware has logged. */
	const refused = async (disk: string, variables: string) => {
		const bad = await verifier.admit({ node: 'node1', project: 'red' });
		const node = await site.boot({ disk, variables });
		const [words] = await node.says(/airlock: rejected[^\r\n]*[\r\n]/);
		t.like(await verifier.admission(bad.id), { state: 'rejected', code: 'EventNotAllowed' });
		// Nobody goes on in the airlock with what was refused.
		await node.qemu.exited;
		const { records, blobs } = readEvidence(await verifier.evidence(bad.id));
		const log = accepted(parseEventLog(blobs.get(records[0]?.bootLog ?? '') ?? Buffer.alloc(0)));
		return { words, log };
	};

	// Signed by whom the firmware trusts: Secure Boot lets it pass.
	const changed = await readFile(program);
	const line = changed.indexOf(commandLine);
	t.true(line > 0);
	changed.write('debug', line + commandLine.indexOf('quiet'), 'latin1');
	const efiProgram = await signProgram(site.at('.'), changed, signer);
	const none = Buffer.alloc(0);
	await makeDiskImage(site.at('.'), 'changed.qcow2', {
		...{ efiProgram, commandLine, kernel: none, initrd: none, masterBootRecord: none },
	});
	const otherLine = await refused(site.at('changed.qcow2'), uefiVariables.secure);
	const [digest = ''] = /sha256:[0-9a-f]{64}/.exec(otherLine.words) ?? [];
	t.regex(otherLine.words, /event \d+ of the boot log \(EV_EFI_BOOT_SERVICES_APPLICATION in PCR 4\)/);
	// Where somebody has allowed that very program, it is the command line that is not.
	const own = accepted(parsePolicy(policy)).boot;
	if (!own) throw new Error('the policy has no rules of what booted');
	const lenient = {
		...own,
		pcrs: own.pcrs.filter(pcr => pcr !== 11),
		images: [...own.images, digest.replace('sha256:', '')],
	};
	isRefused(t, judgeBoot(otherLine.log, 'sha256', lenient), 'EventNotAllowed', /EV_EVENT_TAG in PCR 9/);

	const off = await refused(file, uefiVariables.plain);
	t.regex(off.words, /Secure Boot is off, and must be on \(event \d+\)/);

	const others = await refused(file, await otherAuthorities(site));
	t.regex(others.words, /EV_EFI_VARIABLE_DRIVER_CONFIG in PCR 7/);
});
