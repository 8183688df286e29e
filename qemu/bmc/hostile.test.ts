import net from 'node:net';
import test from 'ava';
import fc from 'fast-check';
import { selfSigned } from '../rack/self-signed.ts';
import type { Json } from '../redfish/json.ts';
import { bmcForTest } from './test-bmc.ts';

const SEGMENTS = [
	'system',
	'chassis',
	'bmc',
	'eth0',
	'1',
	'root',
	'PowerMetrics',
	'__proto__',
	'constructor',
	'..',
	'%00',
	'-1',
];
const NAMES = [
	'ResetType',
	'Boot',
	'BootSourceOverrideTarget',
	'AssetTag',
	'UserName',
	'Password',
	'RoleId',
	'Destination',
	'Protocol',
	'CertificateString',
	'CertificateUri',
	'CertificateCollection',
	'@odata.id',
	'Id',
	'Oem',
	'Links',
	'DateTime',
	'status',
	'__proto__',
	'toString',
];
const QUERIES = [
	'',
	'?only',
	'?$top=1',
	'?$skip=9&$top=0',
	'?$select=Members/Id,Oem',
	'?$expand=*($levels=6)',
	'?$expand=~',
	'?%24x',
];

/** JSON that resembles what the BMC takes, wrong in any way. */
const { body } = fc.letrec<{ body: Json }>(tie => ({
	body: fc.oneof(
		{ maxDepth: 3 },
		fc.constantFrom<Json>(
			null,
			true,
			0,
			-1,
			1e308,
			'',
			'On',
			'ResetAll',
			'PEM',
			'ü\u0000',
			'2026-01-01T00:00:00Z',
		),
		fc.array(tie('body'), { maxLength: 3 }),
		fc.dictionary(fc.constantFrom(...NAMES), tie('body'), { maxKeys: 4, noNullPrototype: false }),
	),
}));

test('whatever is asked of whichever route, the answer is no fault of the BMC', async t => {
	const faults: unknown[] = [];
	const logger = { info: () => {}, error: (fault: unknown) => faults.push(fault) } as never;
	const { bmc, clock, ask } = await bmcForTest(t, { logger });
	const routes = bmc.routes.filter(route => !route.endsWith('/SSE') && !route.includes('ResetToDefaults'));
	const statuses = new Set<number>();
	await fc.assert(
		fc.asyncProperty(
			fc.constantFrom(...routes),
			fc.array(fc.constantFrom(...SEGMENTS), { minLength: 3, maxLength: 3 }),
			fc.constantFrom(...QUERIES),
			fc.option(body, { nil: undefined }),
			async (route, segments, query, content) => {
				const [method = '', pattern = ''] = route.split(' ');
				const path = segments.reduce((filled, segment) => filled.replace('{}', segment), pattern);
				const { status } = await ask(
					method,
					`${path}${query}`,
					content === undefined ? {} : { body: content },
				);
				statuses.add(status);
				clock.advance(100);
				// 401: an account may by chance have been changed; then there is nothing more to see.
				return status < 500 || status === 501 || status === 503;
			},
		),
		{ numRuns: 600 },
	);
	t.deepEqual(faults, []);
	t.true(statuses.has(200) && statuses.has(400) && statuses.has(404));
	t.is((await ask('GET', '/redfish/v1', { user: null })).status, 200);
});

test('bytes that are no TLS do not stop a BMC that speaks it', async t => {
	const identity = selfSigned('node1');
	const { bmc } = await bmcForTest(t, { tls: identity });
	for (const bytes of ['GET / HTTP/1.1\r\n\r\n', '\u0016\u0003\u0001\u0000', '']) {
		const socket = net.connect(bmc.port, '127.0.0.1');
		socket.on('error', () => {});
		await new Promise<void>(resolve => {
			socket.once('connect', () => {
				if (bytes !== '') socket.write(bytes, 'latin1');
				socket.once('close', () => resolve()).end();
			});
			socket.resume();
		});
	}
	const { Agent, get } = await import('node:https');
	const agent = new Agent({ ca: identity.cert });
	const status = await new Promise((resolve, reject) => {
		get(`${bmc.url}/redfish`, { agent }, response => {
			response.resume();
			resolve(response.statusCode);
		}).on('error', reject);
	});
	agent.destroy();
	t.is(status, 200);
});
