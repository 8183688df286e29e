// A tenant that forbids everybody to clear its node's TPM: the firmware does, by the airlock's order, and the next tenant sees it.
import { copyFile } from 'node:fs/promises';
import { readEvidence } from '../../attest/evidence/evidence-file.ts';
import { learnFromEvidence } from '../../attest/evidence/learn-from-evidence.ts';
import { buildAirlockImage } from '../../qemu/airlock/airlock-image.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { airlockParts, startAirlockSite, uefiVariables } from './airlock-node.ts';

const test = testNeeding(...airlockParts, 'ovmf');

test('a TPM that a tenant has locked is cleared by UEFI firmware, and the policy of an earlier boot admits the node again', async t => {
	t.timeout(1_200_000);
	const site = await startAirlockSite(t);
	const { at, verifier } = site;
	await site.enrol();
	// The others that boot an airlock do so without Debian's tools.
	const { file } = await buildAirlockImage({ ...site.services, hasTpmTools: true, to: at('.') });
	const reference = await verifier.admit({ node: 'node1', project: 'red', learn: true });
	const first = await site.boot({ disk: file, variables: uefiVariables.plain });
	await first.says(/airlock: learnt/);
	const { policy } = learnFromEvidence(readEvidence(await verifier.evidence(reference.id)));
	t.true(policy.erased);
	t.true(policy.boot?.pcrs.includes(1), 'boot entries are among what is judged');
	await verifier.setPolicy('red', 'default', policy);
	await first.qemu.stop();

	await site.tenant(async tool => {
		await tool('tpm2_createprimary', '-C', 'o', '-c', 'primary.ctx');
		await tool('tpm2_evictcontrol', '-C', 'o', '-c', 'primary.ctx', '0x81000001');
		for (const hierarchy of ['o', 'e', 'l']) await tool('tpm2_changeauth', '-c', hierarchy, 'the tenant’s');
	});
	const next = await verifier.admit({ node: 'node1', project: 'red', within: 1200 });
	// With the variables that the first boot has left: without boot entries, until the firmware made its own again.
	await copyFile(at('variables'), at('kept'));
	const { qemu, says } = await site.boot({ disk: file, variables: at('kept') });
	await says(/airlock: the last tenant has locked the TPM: the firmware is to clear it/);
	await says(/airlock: the firmware asks at the console whether it may/);
	// Somebody at its keyboard: over a serial line F12 begins with ESC, by which it takes that to be no.
	await says(/Press F12 to clear the TPM[\s\S]*Press ESC/);
	await qemu.qmp.execute('send-key', { keys: [{ type: 'qcode', data: 'f12' }] });
	await says(/airlock: the TPM is cleared/);
	await says(/airlock: attested\r?\n/);
	t.like(await verifier.admission(next.id), { state: 'attested', strays: 0 });
	await qemu.stop();
	await site.tenant(async tool => {
		await t.throwsAsync(tool('tpm2_readpublic', '-c', '0x81000001'));
	});
});
