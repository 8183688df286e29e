import type { VerifierClient } from '../../attest/client.ts';
import { readEvidence } from '../../attest/evidence/evidence-file.ts';
import { learnFromEvidence } from '../../attest/evidence/learn-from-evidence.ts';
import type { PolicyFile } from '../../attest/policy/policy.ts';
import { fileDigests } from '../../qemu/image/file-digests.ts';

/**
 * A policy for all servers of a rack: what one has booted that was learnt from, and later the programs of an image.
 * @param learnt the admission that it was learnt by
 */
export async function rackPolicy(
	verifier: VerifierClient,
	{ learnt, image }: { readonly learnt: string; readonly image: string },
): Promise<PolicyFile> {
	const { policy } = learnFromEvidence(readEvidence(await verifier.evidence(learnt)));
	const { boot } = policy;
	if (!boot) throw new Error('the node has shown no boot log');
	const digests = [...(await fileDigests(image))].map(([file, digest]) => [file, `sha256:${digest}`]);
	return {
		...policy,
		// The tables of each server, and which network card its firmware has boot entries for.
		unchecked: { '1': 'each server’s own' },
		boot: {
			...boot,
			pcrs: boot.pcrs.filter(pcr => pcr !== 1),
			events: boot.events?.filter(({ pcr }) => pcr !== 1),
		},
		ima: { files: Object.fromEntries(digests), exclude: ['/var/**'], kexec: true },
	};
}
