// What is refused before an image is received, and what ends one that is on its way; whatever it is, nothing is left.
import test, { type ExecutionContext } from 'ava';
import { testImage } from '../../qemu/bmc/test-image.ts';
import { startTestProxy, type TestProxy } from './start-proxy.ts';
import { dial, octets, octetsPath, spooled } from './upload.ts';

async function site(t: ExecutionContext, options: Parameters<typeof startTestProxy>[0] = {}) {
	const started = await startTestProxy(options);
	t.teardown(() => started.close());
	return started;
}

const image = testImage(100_000);
const head = ['Content-Type: application/octet-stream', `Content-Length: ${image.length}`];

test('a client that asks is invited once the request may come, and not before', async t => {
	const proxy = await site(t);
	const { socket, said } = await dial(proxy, 'hso-operator', [...head, 'Expect: 100-continue']);
	t.regex(await said('\r\n\r\n'), /^HTTP\/1\.1 100 Continue\r\n\r\n$/);
	socket.write(image);
	t.regex(await said('"TaskState"'), /HTTP\/1\.1 202/);
	socket.destroy();
	t.is((await spooled(proxy)).length, 1);

	for (const [operator, path, status] of [
		['nobody', octetsPath, 401],
		['hso-operator', '/redfish/v1/UpdateService/Other', 415],
	] as const) {
		const refused = await dial(proxy, operator, [...head, 'Expect: 100-continue'], path);
		t.regex(await refused.said('\r\n\r\n'), new RegExp(`^HTTP/1\\.1 ${status} `));
		refused.socket.destroy();
	}
	const large = [...head.slice(0, 1), `Content-Length: ${65 * 1024 * 1024}`, 'Expect: 100-continue'];
	const refused = await dial(proxy, 'hso-operator', large);
	t.regex(await refused.said('\r\n\r\n'), /^HTTP\/1\.1 413 /);
	const forBmc = [...head.slice(0, 1), `Content-Length: ${40 * 1024 * 1024}`, 'Expect: 100-continue'];
	const tooLarge = await dial(proxy, 'hso-operator', forBmc);
	t.regex(await tooLarge.said('ImageTooLargeForBmc'), /^HTTP\/1\.1 413 /);
	for (const { socket: open } of [refused, tooLarge]) open.destroy();
	t.is((await spooled(proxy)).length, 1);
});

test('a client that sends all it has before it reads is still told why it is refused', async t => {
	const proxy = await site(t);
	const large = octets(Buffer.alloc(40 * 1024 * 1024));
	const tooLarge = await proxy.at('hso-operator')('POST', octetsPath, large);
	t.is(tooLarge.status, 413);
	t.regex(tooLarge.text, /ImageTooLargeForBmc/);
	const elsewhere = await proxy.at('hso-operator')('POST', '/redfish/v1/UpdateService/Other', octets(image));
	t.is(elsewhere.status, 415);
	t.deepEqual(await spooled(proxy), []);
});

test('an upload without a byte is refused by its head', async t => {
	const proxy = await site(t);
	const type = { 'content-type': 'application/octet-stream' };
	for (const options of [{ headers: { ...type, 'content-length': '0' } }, { headers: type }]) {
		const reply = await proxy.at('hso-operator')('POST', octetsPath, options);
		t.is(reply.status, 400);
		t.regex(reply.text, /ImageMissing/);
	}
	t.deepEqual(await spooled(proxy), []);
});

test('a silent client is told so, and one that goes away leaves nothing', async t => {
	const proxy = await site(t);
	const slow = await dial(proxy, 'hso-operator', head);
	slow.socket.write(image.subarray(0, 1000));
	while ((await spooled(proxy)).length === 0) await new Promise(resolve => setImmediate(resolve));
	let answer: string | undefined;
	void slow.said('UploadTooSlow').then(text => {
		answer = text;
	});
	while (answer === undefined) {
		proxy.clock.advance(31_000);
		await new Promise(resolve => setImmediate(resolve));
	}
	t.regex(answer, /^HTTP\/1\.1 408 /);
	const gone = await dial(proxy, 'hso-operator', head);
	gone.socket.write(image.subarray(0, 1000));
	while ((await spooled(proxy)).length === 0) await new Promise(resolve => setImmediate(resolve));
	gone.socket.destroy();
	while ((await spooled(proxy)).length > 0) await new Promise(resolve => setImmediate(resolve));
	t.pass();
});

test('more than the site keeps, or than its disk has room for, is refused', async t => {
	const full = await site(t, { spool: { total: 150_000 } });
	const ask = (proxy: TestProxy) => proxy.at('hso-operator')('POST', octetsPath, octets(image));
	t.is((await ask(full)).status, 202);
	const second = await ask(full);
	t.is(second.status, 503);
	t.regex(second.text, /SpoolFull/);
	t.is((await spooled(full)).length, 1);

	const small = await site(t, { spool: { free: 1000, freeBytes: async () => 100_500 } });
	const refused = await ask(small);
	t.is(refused.status, 507);
	t.regex(refused.text, /DiskFull/);
	t.deepEqual(await spooled(small), []);
});
