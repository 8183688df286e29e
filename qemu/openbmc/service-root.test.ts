import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import { createTestTls } from '../../test/site-folder.ts';
import { askServiceRoot } from './service-root.ts';

const never = new AbortController().signal;

test('a service root is one only when it says what Redfish says, and its certificate is told', async t => {
	const { server: identity } = await createTestTls();
	let answer: { status: number; body: string } = { status: 200, body: '' };
	const server = createServer(
		{ key: identity.keyPem, cert: identity.certificatePem },
		(_request, response) => {
			response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body);
		},
	);
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	t.teardown(() => server.close());
	const { port } = server.address() as AddressInfo;
	const says = (status: number, body: unknown) => {
		answer = { status, body: typeof body === 'string' ? body : JSON.stringify(body) };
	};

	says(200, { '@odata.id': '/redfish/v1', RedfishVersion: '1.17.0', Name: 'Root Service' });
	t.deepEqual(await askServiceRoot(port, 5000, never), {
		version: '1.17.0',
		fingerprint: new X509Certificate(identity.certificatePem).fingerprint256
			.replaceAll(':', '')
			.toLowerCase(),
	});
	for (const [status, body, message] of [
		[503, {}, /status 503/],
		[200, 'not json', /no service root/],
		[200, { '@odata.id': '/redfish/v1/Systems', RedfishVersion: '1.17.0' }, /no service root/],
		[200, { '@odata.id': '/redfish/v1' }, /no service root/],
		[200, `"${'x'.repeat(1024 * 1024)}"`, /larger than any/],
	] as const) {
		says(status, body);
		await t.throwsAsync(askServiceRoot(port, 5000, never), { message });
	}
	await t.throwsAsync(askServiceRoot(port, 5000, AbortSignal.abort()), { name: 'AbortError' });
});
