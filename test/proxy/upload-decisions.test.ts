// Policies about an image: those that are known to fail before it came, and those that need its hash; by one process and
// by several.
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { loadPolicies } from '../../proxy/policy/load-policies.ts';
import { testImage } from '../../qemu/bmc/test-image.ts';
import { parties, startTestProxy, type TestProxy, type TestProxyOptions } from './start-proxy.ts';
import {
	dial,
	form,
	imagePart,
	multipartPath,
	octets,
	octetsPath,
	parametersPart,
	spooled,
} from './upload.ts';

const allowed = testImage(150_000);
const other = testImage(150_000, 0x33);
const table = `
- { type: Data, operation: Read, description: d, match: 'GET /redfish/v1/**', p2c: HSO or CP }
- type: Operation
  operation: Update
  description: d
  match: ['POST ${octetsPath}', 'POST ${multipartPath}']
  p2c: HSO and cp
`;
const powered = 'SUM(External.PDU.Outlets.Power) < 1000';
const listed = `Request.Image.SHA256 in ["${'0'.repeat(64)}", "${createHash('sha256').update(allowed).digest('hex')}"]`;

async function site(t: ExecutionContext, pre: string, options: TestProxyOptions = {}): Promise<TestProxy> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-images-'));
	t.teardown(() => rm(folder, { recursive: true }));
	for (const party of ['hso', 'cp']) await mkdir(path.join(folder, party));
	await writeFile(path.join(folder, 'operations.yaml'), table);
	await writeFile(path.join(folder, 'cp', 'images.yaml'), `Update:\n  cp.pre: ${pre}\n`);
	const policies = await loadPolicies({ folder, parties: [...parties], externalSources: ['Servers', 'PDU'] });
	const started = await startTestProxy({ ...options, policies });
	t.teardown(() => started.close());
	return started;
}

const uploads = (proxy: TestProxy) =>
	proxy.bmcs.node1.executed.filter(({ path: asked }) => asked.startsWith('/redfish/v1/UpdateService/update'));

test('what is denied whatever the image is, is denied by its head alone', async t => {
	const proxy = await site(t, powered);
	proxy.world.watts = 1200;
	for (const more of [['Expect: 100-continue'], []]) {
		const { socket, said } = await dial(proxy, 'hso-operator', [
			'Content-Type: application/octet-stream',
			'Content-Length: 150000',
			...more,
		]);
		const answer = await said('PolicyDenied');
		t.regex(answer, /^HTTP\/1\.1 403 /, 'and nothing before it asks for the body');
		t.deepEqual(await spooled(proxy), []);
		socket.destroy();
	}
	const denied = proxy.records.filter(({ kind }) => kind === 'decision');
	t.like(denied.at(-1), { verdict: 'deny', path: octetsPath, operator: 'hso-operator' });
	// Sent without asking, the whole of it is read, and its client is told.
	const told = await proxy.at('hso-operator')('POST', octetsPath, octets(Buffer.alloc(8 * 1024 * 1024)));
	t.is(told.status, 403);
	t.regex(told.text, /PolicyDenied/);
	t.deepEqual(await spooled(proxy), []);
	t.false(proxy.spies.node1.received().includes('POST /redfish/v1/UpdateService'));

	proxy.world.watts = 800;
	t.is((await proxy.at('hso-operator')('POST', octetsPath, octets(other))).status, 202);
	t.is(uploads(proxy).at(-1)?.image?.size, other.length);
});

for (const workers of [0, 2]) {
	test(`hash and size decide, and what is allowed is executed at once, by ${workers || 'no'} workers`, async t => {
		const proxy = await site(t, `${listed} and Request.Image.Size < 200000`, { workers });
		const ask = proxy.at('hso-operator');
		const forms = [octets, (image: Buffer) => form([parametersPart('{"Targets":[]}'), imagePart(image)])];
		for (const [i, body] of forms.entries()) {
			const target = i === 0 ? octetsPath : multipartPath;
			const refused = await ask('POST', target, body(other));
			t.is(refused.status, 403, refused.text);
			t.regex(refused.text, /Request\.Image\.SHA256/);
			t.is(uploads(proxy).length, i);

			const taken = await ask('POST', target, body(allowed));
			t.is(taken.status, 202, taken.text);
			const executed = uploads(proxy).at(-1);
			t.is(executed?.status, 202);
			t.is(executed?.image?.sha256, createHash('sha256').update(allowed).digest('hex'));
			t.is(uploads(proxy).length, i + 1);
			// The BMC's own task, not the proxy's: it is watched to its end.
			const monitor = String(taken.headers.location);
			for (let status = 202; status === 202; ) {
				proxy.clock.advance(1000);
				({ status } = await ask('GET', monitor));
				t.true(status < 300, `${status}`);
			}
			t.deepEqual(await spooled(proxy), []);
		}
		// Early refusals reach their client by way of a worker as well.
		const large = await ask('POST', octetsPath, octets(Buffer.alloc(40 * 1024 * 1024)));
		t.is(large.status, 413);
		t.regex(large.text, /ImageTooLargeForBmc/);
		const { socket, said } = await dial(proxy, 'hso-operator', [
			'Content-Type: application/octet-stream',
			`Content-Length: ${allowed.length}`,
			'Expect: 100-continue',
		]);
		t.regex(await said('\r\n\r\n'), /^HTTP\/1\.1 100 Continue\r\n\r\n$/);
		socket.write(allowed);
		t.regex(await said('TaskState'), /HTTP\/1\.1 202 /);
		socket.destroy();
	});
}
