// The verifier over HTTP, with a node whose TPM we did not write and into which a real boot was measured.
import { verify } from 'node:crypto';
import { createServer } from 'node:http';
import type { ExecutionContext } from 'ava';
import { listen } from '../../common/http/listen.ts';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { reboot } from '../agent.fixture.ts';
import type { AttestBench } from '../attest.fixture.ts';
import { goodPolicy, startNode } from '../node.fixture.ts';
import { recorded } from '../recorded-boot.fixture.ts';

const test = testNeeding('swtpm', 'swtpm-tools', 'tpm2-tools', 'gnutls-bin');
const POLICY = '/verifier/v1/policies/red/default';
const ANSWERS = '/verifier/v1/agent/answers';

async function admit(bench: AttestBench, more: object = {}): Promise<string> {
	await bench.ok('PUT', POLICY, { policy: goodPolicy }, 'alice');
	const body = { node: 'n1', project: 'red', ...more };
	return String((await bench.ok('POST', '/verifier/v1/admissions', body, 'alice')).id);
}
const show = (bench: AttestBench, id: string) =>
	bench.ok('GET', `/verifier/v1/admissions/${id}`, undefined, 'alice');

/** Somebody who is told. */
async function startListener(t: ExecutionContext) {
	const heard: { body: string; signature: string }[] = [];
	const answers = { status: 204 };
	const server = createServer((request, response) => {
		let body = '';
		request.on('data', chunk => {
			body += chunk;
		});
		request.on('end', () => {
			if (answers.status < 300)
				heard.push({ body, signature: String(request.headers['x-bimetal-signature']) });
			response.writeHead(answers.status).end();
		});
	});
	const { port, close } = await listen(server, { host: '127.0.0.1', port: 0 });
	t.teardown(() => close(0));
	return { url: `http://127.0.0.1:${port}/cut-off`, heard, answers };
}

test('a good node is admitted and stays so round after round; a file that may not run ends it at once', async t => {
	const listener = await startListener(t);
	const { node, bench } = await startNode(t, { push: ['127.0.0.0/8'] });
	await bench.ok('POST', '/verifier/v1/subscriptions/red', { url: listener.url }, 'alice');
	await node.register();
	t.like(await node.ask(), { status: 404, body: { code: 'NothingToAttest' } });
	const id = await admit(bench);
	t.like(await show(bench, id), { state: 'waiting', attestedFor: 0 });
	const first = await node.ask();
	t.like(first.body, { selection: 'sha256:0,1,2,3,4,5,6,7,8,9,10', bootLog: true, imaFrom: 0 });
	t.like(await node.round(), { status: 200, body: { state: 'attested', refusal: null, next: 10 } });
	t.like(await show(bench, id), {
		state: 'attested',
		attestedFor: 30_000,
		nodeKey: node.nodeKey,
		records: 1,
	});

	bench.clock.advance(20_000);
	t.like((await node.ask()).body, { bootLog: false, imaFrom: 21 });
	t.like((await node.round()).body, { state: 'attested' });
	t.is((await show(bench, id)).attestedFor, 30_000);

	await node.run();
	t.like((await node.round()).body, { state: 'attested' });
	await node.run();
	const refused = await node.round();
	t.like(refused.body, { state: 'revoked', next: null });
	t.regex(
		String(refused.body.refusal),
		/^FileNotAllowed: .* \(entry 22 of the IMA list\) has sha256:.*; allowed is /,
	);
	t.like(await show(bench, id), { state: 'revoked', attestedFor: 0, code: 'FileNotAllowed' });
	await bench.notifier.idle();
	t.is(bench.published[0]?.topic, `bimetal/attest/revocations/${id}`);
	t.like(bench.published[0]?.payload, { node: 'n1', project: 'red', code: 'FileNotAllowed' });
	const [told] = listener.heard;
	t.deepEqual(JSON.parse(told?.body ?? ''), bench.published[0]?.payload);
	const signature = Buffer.from(told?.signature.slice('ed25519='.length) ?? '', 'base64');
	t.true(verify(null, Buffer.from(told?.body ?? ''), bench.key, signature));
	// It is over: what the node says now counts for nothing, until somebody asks for it again.
	t.is((await node.round()).status, 404);
	t.is(
		(await bench.call('POST', `/verifier/v1/admissions/${id}/withdraw`, { reason: 'x' }, 'alice')).status,
		409,
	);
	await admit(bench);
	t.like((await node.round()).body, { state: 'rejected' });
});

test('trap: replayed, made for other PCRs, or by another TPM: refused for its reason, and no harm to the node', async t => {
	const { node, bench } = await startNode(t);
	await node.register();
	const id = await admit(bench);
	const { body: question } = await node.ask();
	const answer = await node.prepare(question);
	t.is((await bench.ok('POST', ANSWERS, answer)).state, 'attested');
	t.like(await bench.call('POST', ANSWERS, answer), { status: 409, body: { code: 'NonceOver' } });
	const { body: next } = await node.ask();
	const replayed = await bench.ok('POST', ANSWERS, { ...answer, token: next.token });
	t.regex(String(replayed.refusal), /^NonceWrong/);
	t.is(replayed.state, 'attested');
	t.regex(String((await node.round({ pcrs: [0, 1] })).body.refusal), /^SelectionWrong/);
	t.regex(String((await node.round({ qualifying: Buffer.alloc(32) })).body.refusal), /^NonceWrong/);
	const forged = { ...(await node.prepare((await node.ask()).body)), signature: 'AAAA' };
	t.regex(
		String((await bench.ok('POST', ANSWERS, forged)).refusal),
		/^Malformed|^Unsupported|^SignatureWrong/,
	);
	t.is((await bench.call('POST', ANSWERS, { ...answer, token: `${String(next.token)}x` })).status, 409);
	t.like(await show(bench, id), { state: 'attested', strays: 4 });
	// Who was admitted with these keys is not asked under others.
	const other = { node: 'n1', registration: 'another', nodeKey: node.nodeKey };
	t.like(await bench.call('POST', '/verifier/v1/agent/questions', other), {
		status: 409,
		body: { code: 'KeysDiffer' },
	});
	// Of two questions one is answered, and what anybody sends meanwhile takes nobody's turn.
	const [one, two] = [
		await node.prepare((await node.ask()).body),
		await node.prepare((await node.ask()).body),
	];
	t.like(await bench.ok('POST', ANSWERS, { ...two, signature: 'AAAA' }), { state: 'attested' });
	t.like(await bench.ok('POST', ANSWERS, one), { state: 'attested', refusal: null });
	t.like(await bench.call('POST', ANSWERS, two), { status: 409, body: { code: 'NonceOver' } });
	// A nonce that nobody answers in time is over.
	const { body: late } = await node.ask();
	const tooLate = await node.prepare(late);
	bench.clock.advance(29_000);
	t.like((await node.round()).body, { state: 'attested' });
	bench.clock.advance(29_000);
	t.like((await node.round()).body, { state: 'attested' });
	bench.clock.advance(2000);
	t.like(await bench.call('POST', ANSWERS, tooLate), { status: 409, body: { code: 'NonceOver' } });
});

test('trap: a node that falls silent, or whose verifier stops, is attested no longer', async t => {
	const listener = await startListener(t);
	const { node, bench } = await startNode(t, { push: ['127.0.0.1'] });
	await bench.ok('POST', '/verifier/v1/subscriptions/red', { url: listener.url }, 'alice');
	await node.register();
	const id = await admit(bench, { interval: 2, lease: 5 });
	await node.round();
	bench.sweeper.wake();
	await bench.sweeper.idle();
	bench.clock.advance(4999);
	t.is((await show(bench, id)).state, 'attested');
	listener.answers.status = 503;
	bench.clock.advance(1);
	// Nobody has swept yet: it is over all the same, for whoever looks.
	t.like(await show(bench, id), { state: 'revoked', code: 'Silent', attestedFor: 0 });
	t.is((await node.round()).status, 404);
	bench.clock.advance(1000);
	await bench.sweeper.idle();
	await bench.notifier.idle();
	t.like(bench.published[0]?.payload, { code: 'Silent', node: 'n1' });
	// A subscriber who was away hears of it later.
	t.is(listener.heard.length, 0);
	listener.answers.status = 204;
	bench.clock.advance(2000);
	await bench.notifier.idle();
	t.is(listener.heard.length, 1);
	bench.clock.advance(3_600_000);
	await bench.notifier.idle();
	t.is(listener.heard.length, 1, 'once');
});

test('trap: a reboot needs a new admission, with keys that are registered anew', async t => {
	const { node, bench } = await startNode(t);
	await node.register();
	const id = await admit(bench);
	t.like((await node.round()).body, { state: 'attested' });
	await reboot(node.tpm, 'state');
	const after = await node.round();
	t.like(after.body, { state: 'revoked' });
	t.regex(String(after.body.refusal), /^Rebooted/);
	t.like(await show(bench, id), { code: 'Rebooted' });
});

test('trap: a registration that no longer counts admits nobody, and what a policy needs must be sent', async t => {
	const { node, bench } = await startNode(t);
	const stale = await node.register();
	await node.register();
	const first = await admit(bench);
	const old = { node: 'n1', registration: stale, nodeKey: node.nodeKey };
	t.like(await bench.call('POST', '/verifier/v1/agent/questions', old), {
		status: 409,
		body: { code: 'KeysDiffer' },
	});
	const weak = { ...old, registration: 'x', nodeKey: 'AAAA' };
	t.like((await bench.call('POST', '/verifier/v1/agent/questions', weak)).body, { code: 'KeysDiffer' });
	const cut = recorded.bootLog.subarray(0, recorded.bootLog.length - 100).toString('base64');
	const refused = await node.round({ bootLog: cut });
	t.like(refused.body, { state: 'rejected' });
	t.regex(String(refused.body.refusal), /^Malformed|^LogMismatch/);
	t.is((await show(bench, first)).state, 'rejected');
	await admit(bench);
	t.regex(String((await node.round({ bootLog: undefined })).body.refusal), /^EvidenceMissing/);
});

test('who may ask for which node; policies that check nothing; one admission at a time; a boot to learn from', async t => {
	const { node, bench } = await startNode(t, { projectOf: async () => 'red' });
	await node.register();
	const nothing = await bench.call('PUT', POLICY, { policy: { version: 1, unchecked: {} } }, 'alice');
	t.like(nothing, { status: 422, body: { code: 'PolicyRefused' } });
	const ask = (body: object, who: string) => bench.call('POST', '/verifier/v1/admissions', body, who);
	t.is((await ask({ node: 'n1', project: 'red' }, 'alice')).status, 404, 'there is no policy');
	t.is((await ask({ node: 'n1', project: 'blue', learn: true }, 'bob')).status, 404, 'not of that project');
	t.is((await ask({ node: 'n1', project: 'red', learn: true }, 'bob')).status, 403);
	const { body: learning } = await ask({ node: 'n1', project: 'red', learn: true }, 'alice');
	t.like(await ask({ node: 'n1', project: 'red', learn: true }, 'alice'), {
		status: 409,
		body: { code: 'NodeBusy' },
	});
	t.like((await node.ask()).body, {
		selection: `sha256:${Array.from({ length: 16 }, (_, n) => n).join(',')}`,
		imaFrom: 0,
	});
	t.like((await node.round()).body, { state: 'learnt', refusal: null, next: null });
	t.like(await show(bench, String(learning.id)), { state: 'learnt', attestedFor: 0 });
	const id = await admit(bench);
	await node.round();
	t.is((await bench.ok('GET', '/verifier/v1/admissions', undefined, 'bob')).admissions?.toString(), '');
	const away = await bench.ok(
		'POST',
		`/verifier/v1/admissions/${id}/withdraw`,
		{ reason: 'a rumour' },
		'alice',
	);
	t.like(away, { state: 'revoked', code: 'Withdrawn', reason: 'alice: a rumour' });
	t.is((await bench.call('GET', `/verifier/v1/admissions/${id}`, undefined, 'bob')).status, 404);
	const push = await bench.call(
		'POST',
		'/verifier/v1/subscriptions/red',
		{ url: 'http://10.0.0.1/' },
		'alice',
	);
	t.like(push, { status: 403, body: { code: 'PushRefused' } });
});
