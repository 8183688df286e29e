// Every raw request that was once sent to a real bmcweb, sent through the proxy: what it answers, and that the BMC is
// asked for nothing that was not decided on.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { z } from 'zod';
import { startTestProxy, type TestProxy } from '../proxy/start-proxy.ts';
import { understand } from './understood.ts';
import { sendBytes } from './wire.ts';

const rawRequests = z
	.array(
		z.strictObject({
			name: z.string(),
			/** With `{credential}`, `{user}`, `{password}` and `{filler}` to be put in. */
			request: z.string(),
			/** Statuses that bmcweb gave; none where it closed the connection or took its time. */
			bmc: z.array(z.int()),
			/** Statuses of the proxy. */
			proxy: z.array(z.int()),
			/** What it answers in place of bmcweb's answer, and why. */
			because: z.string().optional(),
		}),
	)
	.parse(JSON.parse(readFileSync(path.join(import.meta.dirname, 'raw-requests.json'), 'utf8')));

let site: TestProxy;
test.before(async () => {
	site = await startTestProxy();
	await site.at('cp-operator')('GET', '/redfish/v1/Systems'); // the proxy's log-in at the BMC is over
	site.spies.node1.take();
});
test.after.always(() => site?.close());

const user = 'cp-operator';
const password = `pw-${user}`;
function complete(request: string): Buffer {
	const filled = request
		.replaceAll('{credential}', Buffer.from(`${user}:${password}`).toString('base64'))
		.replaceAll('{user}', user)
		.replaceAll('{password}', password)
		.replaceAll('{filler}', 'a'.repeat(9000));
	if (!filled.includes('\r\n\r\n')) return Buffer.from(`${filled}\r\n\r\n`);
	const [head = '', ...body] = filled.split('\r\n\r\n');
	// The credential put in is of another length than the one that was recorded.
	const isOther = request.includes('{user}') && !request.includes('{filler}');
	const length = Buffer.byteLength(body.join('\r\n\r\n'));
	return Buffer.from(
		isOther ? filled.replace(head, head.replace(/Content-Length: \d+/, `Content-Length: ${length}`)) : filled,
	);
}

for (const raw of rawRequests) {
	test.serial(`raw request: ${raw.name}`, async t => {
		const from = site.records.length;
		const { port } = new URL(String(site.bmcUrls.node1));
		const { answers } = await sendBytes(complete(raw.request), {
			port: Number(port),
			ca: site.ca,
			expected: Math.max(raw.proxy.length, 1),
			methods: raw.request.startsWith('HEAD') ? ['HEAD'] : [],
		});
		t.deepEqual(
			answers.map(({ status }) => status),
			raw.proxy,
			answers.map(({ body }) => body).join(),
		);
		const decided = site.records.slice(from).flatMap(record => {
			return record.kind === 'decision' && record.verdict === 'execute'
				? [`${record.method.replace('HEAD', 'GET')} ${record.path}`]
				: [];
		});
		for (const bytes of site.spies.node1.take()) {
			const { requests, rest } = understand(bytes);
			t.is(rest.length, 0, 'nothing but whole requests');
			for (const { method, path: target } of requests) {
				const read = method === 'HEAD' ? 'GET' : method;
				const isOpen = /^\/redfish(\/v1(\/odata|\/\$metadata)?)?$/.test(target) && read === 'GET';
				// The proxy's own stream, from which it feeds those who may follow events.
				const isOwn = target === '/redfish/v1/EventService/SSE' && read === 'GET';
				t.true(
					isOpen || isOwn || decided.includes(`${read} ${target}`),
					`${method} ${target} was not decided on`,
				);
			}
		}
		t.is(raw.because === undefined, raw.bmc.join() === raw.proxy.join(), 'a reason where the answers differ');
	});
}

// What a real bmcweb answered stands beside the project on its developers' machines and is no part of it.
const recorded =
	process.env.BIMETAL_BMCWEB_RECORDS ?? path.join(import.meta.dirname, '../../../shared/reference/bmcweb');
test('every raw request of the record is here', t => {
	if (!existsSync(recorded)) {
		t.log('NOT COMPARED: there is no record of a real bmcweb here; see qemu/bmc/recorded.test.ts');
		t.is(rawRequests.length, 66);
		return;
	}
	const cases: { case: string; statuses: string[] }[] = JSON.parse(
		readFileSync(path.join(recorded, 'behaviour.json'), 'utf8'),
	);
	t.deepEqual(
		rawRequests.map(({ name, bmc }) => [name, bmc]),
		cases.map(raw => [raw.case, raw.statuses.map(Number)]),
	);
});
