// Whose fault a refusal is: the same quote of a TPM that we did not write is held against a tenant's policy and the site's own.
import fc from 'fast-check';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { type AttestBench, actor } from '../attest.fixture.ts';
import { readEvidence } from '../evidence/evidence-file.ts';
import { verifyEvidence } from '../evidence/verify-evidence.ts';
import { admissions } from '../model/admission.ts';
import { goodPolicy, startNode } from '../node.fixture.ts';
import { FIRMWARE_PCRS, type PolicyFile } from '../policy/policy.ts';
import { askAdmission } from './admissions.ts';

const test = testNeeding('swtpm', 'swtpm-tools', 'tpm2-tools', 'gnutls-bin');
const never = 'f'.repeat(64);

/** No node meets it: these PCRs have no such value. */
const impossible = (pcrs: readonly number[], more: Partial<PolicyFile> = {}): PolicyFile => ({
	version: 1,
	...more,
	pcrs: Object.fromEntries(pcrs.map(pcr => [pcr, never])),
	unchecked: Object.fromEntries(
		[...FIRMWARE_PCRS, 8, 9].filter(pcr => !pcrs.includes(pcr)).map(pcr => [pcr, 'looked at by nobody']),
	),
});

/** Has the node be judged by a policy of red's, and the site's own; gives the id of the admission. */
async function admitted(
	{ ok, store, clock }: AttestBench,
	own: PolicyFile,
	site: PolicyFile,
): Promise<string> {
	await ok('PUT', '/verifier/v1/policies/red/default', { policy: own }, 'alice');
	const { digest } = await ok('PUT', '/verifier/v1/policies/airlock/default', { policy: site }, 'root');
	const world = { actor: actor('alice', 'red'), now: clock.now(), newId: () => crypto.randomUUID() };
	const wanted = { node: 'n1', project: 'red', standard: String(digest) };
	return (await store.transact(tx => askAdmission(tx, wanted, world))).id;
}

test('whatever a tenant asks for, it is told whether the node meets what the site itself asks for', async t => {
	t.timeout(300_000);
	const { node, bench } = await startNode(t);
	await node.register();
	const verdictOf = async (own: PolicyFile, site: PolicyFile) => {
		const id = await admitted(bench, own, site);
		await node.round();
		const found = await bench.store.read(tx => tx.get(admissions, id));
		return found && 'cause' in found ? found.cause.standard?.verdict : found?.state;
	};
	const { ima } = goodPolicy;
	await fc.assert(
		fc.asyncProperty(
			fc.uniqueArray(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 10 }),
			fc.boolean(),
			fc.boolean(),
			async (pcrs, withList, isGood) => {
				const own = impossible(pcrs, withList && ima ? { ima } : {});
				t.is(await verdictOf(own, isGood ? goodPolicy : impossible([4, 9])), isGood ? 'met' : 'missed');
			},
		),
		{ numRuns: 12 },
	);
	t.is(await verdictOf(goodPolicy, impossible([0])), 'attested', 'what the tenant accepts is the tenant’s');
});

test('others judge it again from the evidence alone; of a node that was good before, it is not told', async t => {
	const { node, bench } = await startNode(t);
	await node.register();
	const exported = async (id: string): Promise<string> => {
		const authorization = `Basic ${Buffer.from('alice:alice').toString('base64')}`;
		const path = `/verifier/v1/admissions/${id}/evidence`;
		return (await fetch(`${bench.url}${path}`, { headers: { authorization } })).text();
	};
	const refused = await admitted(bench, impossible([3]), goodPolicy);
	t.like((await node.ask()).body, { selection: 'sha256:0,1,2,3,4,5,6,7,8,9,10', bootLog: true, imaFrom: 0 });
	t.like((await node.round()).body, { state: 'rejected' });
	const file = readEvidence(await exported(refused), bench.key);
	t.deepEqual(verifyEvidence(file).problems, []);
	t.like(file.records[0], { verdict: 'PcrNotAllowed', standard: { verdict: 'accepted' } });
	const lying = file.records.map(one => ({
		...one,
		standard: one.standard && { ...one.standard, verdict: 'PcrNotAllowed' },
	}));
	t.deepEqual(verifyEvidence({ ...file, records: lying }).problems, [
		"round 0 was recorded as PcrNotAllowed by the site's own policy, and comes out as accepted",
	]);

	const later = await admitted(bench, goodPolicy, { ...goodPolicy, description: 'the site’s' });
	t.like((await node.round()).body, { state: 'attested' });
	// From now on it is asked for what its tenant's policy needs, and no more.
	await node.run();
	await node.run();
	t.like((await node.round()).body, { state: 'revoked' });
	const found = await bench.store.read(tx => tx.get(admissions, later));
	t.like(found, { cause: { code: 'FileNotAllowed', standard: { verdict: 'untold' } } });
	t.deepEqual(verifyEvidence(readEvidence(await exported(later), bench.key)).problems, []);
});
