import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { systemClock } from '../../common/clock.ts';
import { readAgreement } from '../../proxy/governance/agreement.ts';
import { readSnapshot } from '../../proxy/governance/read-snapshot.ts';
import { verifySnapshot } from '../../proxy/governance/verify.ts';
import { openSignedPolicies } from './demo-policies.ts';
import { openDemoSite } from './demo-site.ts';

const shipped = fileURLToPath(new URL('../../policies', import.meta.url));

test('the demo founds a site that both parties have signed, once, and leaves what is edited alone', async t => {
	const state = await mkdtemp(join(tmpdir(), 'bimetal-demo-'));
	t.teardown(() => rm(state, { recursive: true }));
	await openDemoSite(state, ['node1'], systemClock);
	const parties = ['HSO', 'CP'];
	const folder = await openSignedPolicies(state, shipped, parties);
	const snapshot = await readSnapshot(folder, parties);
	const { parties: agreed } = readAgreement('agreement.yaml', snapshot.get('agreement.yaml') ?? '');
	const roots = Object.fromEntries(parties.map(party => [party, agreed[party]?.root]));
	const options = { site: 'demo', parties: roots, inForce: undefined, prefix: '' };
	const { parts } = verifySnapshot({ ...options, snapshot });
	t.deepEqual(Object.keys(parts), ['common', 'HSO', 'CP']);

	await writeFile(join(folder, 'hso', 'mine.yaml'), '{}\n');
	await openSignedPolicies(state, shipped, parties);
	t.is(await readFile(join(folder, 'hso', 'mine.yaml'), 'utf8'), '{}\n');
	await rm(join(folder, 'manifest.json.cp.sig'));
	await openSignedPolicies(state, shipped, parties);
	const completed = verifySnapshot({ ...options, snapshot: await readSnapshot(folder, parties) });
	t.is(completed.parts.HSO?.version, 2, 'a founding that was cut short is completed');
});
