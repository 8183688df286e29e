// A tenant's one command: ask, wait, judge, release, and see it given; with a TPM and an opener that we did not write.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { openPayload } from '../../attest/agent/open-payload.fixture.ts';
import { fingerprintOf } from '../../attest/agent.fixture.ts';
import { goodPolicy, startNode, type TestNode } from '../../attest/node.fixture.ts';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { createTerminal } from '../test-terminal.ts';

const test = testNeeding('swtpm', 'swtpm-tools', 'tpm2-tools', 'gnutls-bin', 'openssl');

async function site(t: ExecutionContext) {
	const { node, bench } = await startNode(t);
	await bench.ok('PUT', '/verifier/v1/policies/red/default', { policy: goodPolicy }, 'alice');
	await node.register();
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-attest-release-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const write = (name: string, text: string) => writeFile(path.join(folder, name), text, { mode: 0o600 });
	await write('alice.password', 'alice\n');
	await write('luks.key', 'correct horse\n');
	await write('roots.pem', String(node.tpm.authority.root) + String(node.tpm.authority.issuer));
	await write('verifier.pub', String((await bench.ok('GET', '/verifier/v1/key')).key));
	const env = {
		BIMETAL_ATTEST_URL: bench.url,
		BIMETAL_HOME: folder,
		BIMETAL_ATTEST_USER: 'alice',
		BIMETAL_ATTEST_PASSWORD_FILE: 'alice.password',
	};
	const attest = (...argv: string[]) => createTerminal({ cwd: folder, env }).run('attest', ...argv);
	return { node, bench, folder, attest, write };
}

/** An agent: asks until it has been given its payload, or is told that it is over. */
async function agent(node: TestNode): Promise<Record<string, unknown>> {
	for (let tries = 0; tries < 2000; tries++) {
		const { status, body } = await node.round({ wantsPayload: true });
		if (status === 200 && (body.payload !== null || body.next === null)) return body;
		await new Promise(resolve => setTimeout(resolve, 50));
	}
	throw new Error('the node was given nothing');
}

test('a tenant’s one command has a payload on the node that it has judged itself, and nowhere else', async t => {
	const { node, folder, attest } = await site(t);
	const expectations = ['--roots', 'roots.pem', '--verifier-key', 'verifier.pub'];
	const fingerprint = await fingerprintOf(node.tpm);
	const [done, body] = await Promise.all([
		attest('admit', 'n1', '--payload', 'luks.key', ...expectations, '--fingerprint', fingerprint, '--json'),
		agent(node),
	]);
	t.is(done.code, 0, done.err);
	t.like(JSON.parse(done.out), { node: 'n1', fingerprint, admission: body.admission, releasedBy: 'alice' });
	t.regex(done.err, /Waiting for n1 to prove itself, by admission .*\nJudging the evidence of n1/);
	t.false(done.out.includes('correct horse'));
	const opened = await openPayload(node.tpm, body, { key: node.privateKey });
	t.is(opened.out.toString(), await readFile(path.join(folder, 'luks.key'), 'utf8'), opened.err);

	const again = await attest('release', String(body.admission), 'luks.key', ...expectations);
	t.is(again.code, 8, again.err);
	t.regex(again.err, /released before, and stays as it is/);
});

test('what a tenant’s own judgement refuses is not released, and files are looked at before anything is asked', async t => {
	const { node, bench, attest, write } = await site(t);
	await write('empty', '');
	for (const [why, ...argv] of [
		['whose endorsement keys do you trust', '--payload', 'luks.key'],
		['the payload none cannot be read', '--payload', 'none', '--roots', 'roots.pem'],
		['the payload has 0 bytes', '--payload', 'empty', '--roots', 'roots.pem'],
		['to whom a payload is released', '--roots', 'roots.pem'],
	] as const) {
		const refused = await attest('admit', 'n1', ...argv);
		t.is(refused.code, 2, refused.err);
		t.true(refused.err.includes(why), refused.err);
	}
	t.deepEqual((await bench.ok('GET', '/verifier/v1/admissions', undefined, 'alice')).admissions, []);
	const { id } = await bench.ok('POST', '/verifier/v1/admissions', { node: 'n1', project: 'red' }, 'alice');
	t.like((await node.round()).body, { state: 'attested' });
	const release = (...argv: string[]) =>
		attest('release', String(id), 'luks.key', '--roots', 'roots.pem', ...argv);
	const other = await release('--policy-digest', '0'.repeat(64));
	t.is(other.code, 10, other.err);
	t.regex(other.err, /nothing was released: it was judged by policy/);
	t.is((await release('--fingerprint', '0'.repeat(64))).code, 10);
	t.is((await bench.call('GET', `/verifier/v1/admissions/${id}/payload`, undefined, 'alice')).status, 404);
	await bench.ok('POST', `/verifier/v1/admissions/${id}/end`, {}, 'alice');
	const over = await release();
	t.is(over.code, 8);
	t.regex(over.out, /state +ended/);
});
