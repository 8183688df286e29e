import { X509Certificate } from 'node:crypto';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { keyFingerprint } from '../../attest/certificates/fingerprint.ts';
import { runSoftwareTpm, type SoftwareTpm } from '../../attest/tpm/software-tpm.fixture.ts';
import { systemClock } from '../../common/clock.ts';
import { createConsoleLog } from '../../qemu/machine/console-log.ts';
import { emulatedProcessor } from '../../qemu/machine/emulated-processor.ts';
import { type Qemu, startQemu } from '../../qemu/machine/start-qemu.ts';
import { openTpm } from '../../qemu/server/tpm.ts';
import { type Attestation, startAttestation, type Teardown } from './attestation.ts';

/** Debian's packages that a node in the airlock takes; `ovmf` as well where it boots by UEFI. */
export const airlockParts = [
	...['qemu-system-x86', 'qemu-utils', 'mtools', 'syslinux', 'xz-utils'],
	...['swtpm', 'swtpm-tools', 'tpm2-tools', 'gnutls-bin'],
];
/** Milliseconds; a loaded machine takes ten times as long as an idle one. */
const bootLimit = 300_000;
/** Where a guest of QEMU's own network finds this machine's loopback. */
const host = '10.0.2.2';
const name = 'node1';

/** Where a node finds its UEFI variables at first: templates of Debian's package ovmf. */
export const uefiVariables = {
	plain: '/usr/share/OVMF/OVMF_VARS_4M.fd',
	/** Secure Boot, with a key that is public: `snakeoil`. */
	secure: '/usr/share/OVMF/OVMF_VARS_4M.snakeoil.fd',
} as const;

export interface AirlockSite {
	/** A folder for what the test makes. */
	readonly at: (file: string) => string;
	readonly registrar: Attestation['registrar'];
	readonly verifier: Attestation['verifier'];
	/** Whom the airlock has to ask, as `buildAirlockImage` takes it. */
	readonly services: { readonly registrar: string; readonly verifier: string; readonly authorities: string };
	/** The endorsement key of the node, as an administrator puts it on record. */
	readonly fingerprint: string;
	/** Has its last tenant use the node's TPM, while the node is off. */
	tenant(uses: (tool: SoftwareTpm['tool']) => Promise<void>): Promise<void>;
	/** Puts the node `node1` on record. */
	enrol(): Promise<unknown>;
	/** Pulls the plug if it runs, and boots it: by BIOS, or by UEFI with these variables. `tenantDisk`: one more, which is written to. */
	boot(options: { disk: string; variables?: string; tenantDisk?: string }): Promise<BootedAirlock>;
}

export interface BootedAirlock {
	readonly qemu: Qemu;
	/** Waits until it has said so on its console, after what was waited for last. */
	says(words: RegExp): Promise<RegExpExecArray>;
}

/** Registrar and verifier as `bimetal attest` runs them, for the nodes of project red, and a node with a TPM that is made for it. */
export async function startAirlockSite(t: Teardown): Promise<AirlockSite> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-airlock-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const at = (file: string): string => path.join(folder, file);
	const run = `test-airlock-${path.basename(folder)}`;
	const tpm = await openTpm({
		...{ folder, run, authority: at('authority'), serial: name, model: 'test', manufacturer: 'bimetal' },
		clock: systemClock,
	});
	t.teardown(() => tpm.close());
	const roots = ['swtpm-localca-rootca-cert.pem', 'issuercert.pem'].map(file => at(`authority/${file}`));
	const attestation = await startAttestation(t, { folder, roots, address: host });
	const { registrar, verifier, authorities } = attestation;
	const url = `https://${host}:${attestation.port}`;
	const fingerprint = keyFingerprint(new X509Certificate(await readFile(at('tpm/ek-rsa2048.crt'))).publicKey);
	let running: Qemu | undefined;
	return {
		at,
		registrar,
		verifier,
		services: { registrar: url, verifier: url, authorities },
		fingerprint,
		async tenant(uses) {
			await tpm.close();
			const its = await runSoftwareTpm(folder, at('tpm'));
			try {
				await uses(its.tool);
				await its.tool('tpm2_shutdown', '-c');
			} finally {
				await its.close();
			}
		},
		enrol: () => registrar.enrol(name, fingerprint),
		async boot({ disk, variables, tenantDisk }) {
			await running?.stop();
			if (variables !== undefined) await copyFile(variables, at('variables'));
			await tpm.powerOn();
			const console = createConsoleLog();
			const qemu = await startQemu({
				binary: 'qemu-system-x86_64',
				name,
				args: [
					...['-M', 'q35,graphics=off', '-accel', 'tcg,tb-size=64', '-cpu', emulatedProcessor, '-m', '512'],
					...['-nodefaults', '-smbios', `type=3,asset=${name}`, '-device', 'virtio-rng-pci'],
					...(variables === undefined ? [] : firmware),
					...['-chardev', 'socket,id=tpm,path=tpm.sock', '-tpmdev', 'emulator,id=tpm,chardev=tpm'],
					...['-device', 'tpm-crb,tpmdev=tpm', '-netdev', 'user,id=n'],
					...['-drive', `file=${disk},if=virtio,format=qcow2,snapshot=on`],
					...(tenantDisk === undefined ? [] : ['-drive', `file=${tenantDisk},if=virtio,format=qcow2`]),
					...['-device', 'virtio-net-pci,netdev=n,mac=52:54:00:12:34:77'],
				],
				folder,
				run,
				console,
			});
			t.teardown(() => qemu.stop());
			running = qemu;
			return { qemu, says: words => console.waitFor(words, bootLimit) };
		},
	};
}

const firmware = [
	...['-drive', 'if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd'],
	...['-drive', 'if=pflash,format=raw,file=variables'],
];
