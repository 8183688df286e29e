// What a node learns of its tenant's others: whether they are attested now, and nothing of anybody else's.
import { testNeeding } from '../../test/debian/test-needing.ts';
import type { AttestBench } from '../attest.fixture.ts';
import { type Admission, admissions } from '../model/admission.ts';
import { goodPolicy, startNode } from '../node.fixture.ts';

const test = testNeeding('swtpm', 'swtpm-tools', 'tpm2-tools', 'gnutls-bin');

/** Another node, which stands as the first one does but for what is said. */
async function neighbour({ store }: AttestBench, of: string, changes: Partial<Admission>): Promise<void> {
	await store.transact(async tx => {
		const found = await tx.get(admissions, of);
		if (!found) throw new Error('there is no such admission');
		await tx.insert(admissions, `of-${changes.node}`, { ...found, ...changes } as Admission);
	});
}

test('an attested node is told which of its peers are attested: not those of others, not those that are over', async t => {
	const { node, bench } = await startNode(t);
	await bench.ok('PUT', '/verifier/v1/policies/red/default', { policy: goodPolicy }, 'alice');
	await node.register();
	const body = { node: 'n1', project: 'red', lease: 600 };
	const { id } = await bench.ok('POST', '/verifier/v1/admissions', body, 'alice');
	t.like((await node.round()).body, { state: 'attested', peers: null });
	const until = bench.clock.now() + 60_000;
	await neighbour(bench, String(id), { node: 'n2', until });
	await neighbour(bench, String(id), { node: 'n3', project: 'blue' });
	await neighbour(bench, String(id), { node: 'n5', until: bench.clock.now() });
	await neighbour(bench, String(id), { node: 'n6', until });
	await bench.ok('POST', '/verifier/v1/admissions', { ...body, node: 'n4' }, 'alice');
	await bench.ok('POST', '/verifier/v1/admissions/of-n6/withdraw', { reason: 'stolen' }, 'alice');
	const peers = 'n6 n5 n4 n3 n2 n9 n2';
	t.like((await node.round({ peers })).body, { state: 'attested', peers: 'n2' });
	bench.clock.advance(60_000);
	t.like((await node.round({ peers })).body, { state: 'attested', peers: '' });

	// Whoever was not good learns nothing.
	await node.run();
	await node.run();
	t.like((await node.round({ peers })).body, { state: 'revoked', peers: null });
	for (const wrong of ['', ' n2', 'n2  n3', 'x'.repeat(200)])
		t.is((await bench.call('POST', '/verifier/v1/agent/answers', { peers: wrong })).status, 400, wrong);
});
