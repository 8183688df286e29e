// A node in the airlock: it proves with its TPM what it is and what it has booted, is admitted by one policy, and refused by another.
import { readEvidence } from '../../attest/evidence/evidence-file.ts';
import { buildAirlockImage } from '../../qemu/airlock/airlock-image.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { airlockParts, startAirlockSite } from './airlock-node.ts';

const test = testNeeding(...airlockParts);

test('a node registers in the airlock, is admitted by what it has booted, and switches itself off when it is refused', async t => {
	t.timeout(900_000);
	const site = await startAirlockSite(t);
	const { registrar, verifier } = site;
	const { file } = await buildAirlockImage({ ...site.services, to: site.at('.') });
	await site.tenant(async tool => {
		await tool('tpm2_createprimary', '-C', 'o', '-c', 'primary.ctx');
		await tool('tpm2_evictcontrol', '-C', 'o', '-c', 'primary.ctx', '0x81000001');
		for (const hierarchy of ['o', 'e']) await tool('tpm2_changeauth', '-c', hierarchy, 'the tenant’s');
	});
	const { qemu, says } = await site.boot({ disk: file });
	await says(/airlock: the TPM is cleared/);

	await says(/not registered: 40\d [^\r\n]*/);
	t.deepEqual(await registrar.enrolments(), [], 'nobody is let in who is not on record');
	await site.enrol();
	await says(/airlock: registered as/);
	const reference = await verifier.admit({ node: 'node1', project: 'red', learn: true });
	await says(/airlock: learnt/);
	const [shown] = readEvidence(await verifier.evidence(reference.id)).records;
	const values =
		Buffer.from(shown?.pcrs ?? '', 'base64')
			.toString('hex')
			.match(/.{64}/g) ?? [];
	const pcrs = Object.fromEntries(values.slice(0, 8).map((value, pcr) => [pcr, value]));
	const policy = { version: 1, bank: 'sha256', pcrs, erased: true };
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
	await site.tenant(async tool => {
		await t.throwsAsync(tool('tpm2_readpublic', '-c', '0x81000001'));
		// Nobody's password is asked for.
		await tool('tpm2_createprimary', '-C', 'o', '-c', 'primary.ctx');
	});
});
