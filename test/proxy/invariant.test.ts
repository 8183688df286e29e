// The one thing that must never happen: a BMC does what no decision on the record says.
import { once } from 'node:events';
import { connect } from 'node:tls';
import test from 'ava';
import fc from 'fast-check';
import { startTestProxy, type TestProxy } from './start-proxy.ts';

let site: TestProxy;
test.before(async () => {
	site = await startTestProxy();
});
test.after.always(() => site?.close());

const paths = [
	'/redfish/v1',
	'/redfish/v1/Systems/system',
	'/redfish/v1/Systems/system/Actions/ComputerSystem.Reset',
	'/redfish/v1/Systems/system/LogServices/EventLog/Entries',
	'/redfish/v1/Systems/system/LogServices/EventLog/Actions/LogService.ClearLog',
	'/redfish/v1/Chassis/chassis',
	'/redfish/v1/Chassis?$expand=.',
	'/redfish/v1/Chassis?only',
	'/redfish/v1/Managers/bmc/Actions/Manager.Reset',
	'/redfish/v1/AccountService/Accounts',
	'/redfish/v1/AggregationService/AggregationSources',
	'/redfish/v1/SessionService/Sessions',
	'/redfish/v1/TaskService/Tasks',
	'/redfish/v1/TaskService/TaskMonitors/1',
	'/redfish/v1/Unheard',
	'/login',
	'/xyz/openbmc_project/',
	'/p2c/v1/requests',
];
const mangle = [
	(path: string) => path,
	(path: string) => path,
	(path: string) => path,
	(path: string) => `${path}/`,
	(path: string) => path.replace('/v1', '/V1'),
	(path: string) => path.replace('/Systems', '//Systems'),
	(path: string) => path.replace('/Systems', '/Systems/../Systems'),
	(path: string) => path.replace('System', '%53ystem'),
	(path: string) => path.replace('/Actions', ';x=y/Actions'),
	(path: string) => `${path}#/x`,
	(path: string) => `https://127.0.0.1${path}`,
	(path: string) => `${path}?x=y`,
	(path: string) => path.toLowerCase(),
];
const bodies = [
	'{"ResetType":"ForceRestart"}',
	'{"ResetType":"On","ResetType":"ForceOff"}',
	'{"AssetTag":"x"}',
	'{"Boot":{"BootSourceOverrideTarget":"Pxe"}}',
	'{"Boot":{"BootSourceOverrideTarget":"Pxe"},"PowerMode":"Static"}',
	'{}',
	'',
	'[]',
	'{"ResetType":',
	'{"UserName":"hso-operator","Password":"pw-hso-operator"}',
];
const basic = (name: string) =>
	`Authorization: Basic ${Buffer.from(`${name}:pw-${name}`).toString('base64')}`;
const lines = [
	'X-HTTP-Method-Override: DELETE',
	'Transfer-Encoding: chunked',
	'Content-Length: 5',
	'Expect: 100-continue',
	'Upgrade: websocket',
	'If-Match: "x"',
	'If-None-Match: *',
	'Connection: close',
	'Host: node1.test',
	'X-Auth-Token: x',
	'Cookie: SESSION=x',
	'Content-Type: text/plain',
	'Accept: text/event-stream',
	'Range: bytes=0-1',
];

/** One request as bytes; most of them are well formed. */
const anyRequest = fc
	.record({
		method: fc.constantFrom(
			'GET',
			'GET',
			'POST',
			'POST',
			'PATCH',
			'DELETE',
			'PUT',
			'HEAD',
			'OPTIONS',
			'get',
			'TRACE',
		),
		path: fc.oneof(fc.constantFrom(...paths), fc.constantFrom(...paths.slice(1, 3))),
		by: fc.constantFrom('', '', '/bmc/node1', '/bmc/node2'),
		mangled: fc.constantFrom(...mangle),
		body: fc.oneof(fc.constantFrom(...bodies), fc.constantFrom(...bodies.slice(0, 4))),
		who: fc.constantFrom(
			basic('hso-operator'),
			basic('cp-operator'),
			basic('cp-operator'),
			basic('nobody'),
			'',
		),
		more: fc.subarray(lines, { maxLength: 2 }),
		isClean: fc.constantFrom(true, true, false),
	})
	.map(({ method, path, by, mangled, body, who, more, isClean }) => {
		const target = isClean ? by + path : by + mangled(path);
		const hasBody = /^(POST|PATCH|PUT)$/.test(method) || (!isClean && body.length < 10);
		const head = [
			`${method} ${target} HTTP/1.1`,
			'Host: localhost',
			who,
			hasBody && `Content-Type: application/json\r\nContent-Length: ${body.length}`,
			...(isClean ? [] : more),
		].filter(line => line);
		return `${head.join('\r\n')}\r\n\r\n${hasBody ? body : ''}`;
	});

/** What changes something, if the one who asks may. */
const change = fc
	.record({
		by: fc.constantFrom('', '/bmc/node1', '/bmc/node2'),
		body: fc.constantFrom(...bodies.slice(2, 5)),
		who: fc.constantFrom('hso-operator', 'cp-operator', 'hso-gone'),
	})
	.map(({ by, body, who }) =>
		[
			`PATCH ${by}/redfish/v1/Systems/system HTTP/1.1`,
			'Host: localhost',
			basic(who),
			'Content-Type: application/json',
			`Content-Length: ${body.length}`,
			'',
			body,
		].join('\r\n'),
	);
const rawRequest = fc.oneof(anyRequest, anyRequest, anyRequest, change);

/** Sends all bytes at once over one connection, as a smuggler would, and waits until nothing comes any more. */
async function send(port: number, text: string): Promise<string> {
	const socket = connect({ host: '127.0.0.1', port, ca: site.ca, servername: 'localhost' });
	let answer = '';
	socket.setEncoding('latin1').on('data', (chunk: string) => {
		answer += chunk;
	});
	socket.on('error', () => undefined);
	await once(socket, 'secureConnect').catch(() => undefined);
	// The last one asks for the end, so that nobody has to wait for a time to pass.
	socket.write(`${text}GET /redfish/v1/Unheard HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
	const timer = setTimeout(() => socket.destroy(), 300); // a request that says it is longer than it is
	if (!socket.closed) await once(socket, 'close');
	clearTimeout(timer);
	return answer;
}

/** What the proxy does at BMCs on its own account. */
const isOwn = ({ method, path }: { method: string; path: string }) =>
	path === '/redfish/v1/SessionService/Sessions' ||
	(method === 'DELETE' && path.startsWith('/redfish/v1/SessionService/Sessions/'));
const isOpen = ({ method, path }: { method: string; path: string }) =>
	(method === 'GET' || method === 'HEAD') && ['/redfish', '/redfish/v1', '/redfish/v1/'].includes(path);

test('whatever is sent, BMCs carry out only what a decision on the record lets them', async t => {
	const ports = [site.url, site.bmcUrls.node1, site.bmcUrls.node3].map(url =>
		Number(new URL(String(url)).port),
	);
	/** How many decisions to execute something are on the record, less how often it was done. */
	const credit = new Map<string, number>();
	const count = (bmc: string, method: string, path: string, by: number): number => {
		const key = `${bmc} ${method} ${path}`;
		const sum = (credit.get(key) ?? 0) + by;
		credit.set(key, sum);
		return sum;
	};
	const seen = new Map<string, number>();
	let recorded = 0;
	let changes = 0;
	const settle = (): void => {
		// First what was done: whatever it follows from is on the record before.
		const done = Object.values(site.bmcs).flatMap(({ name, executed }) => {
			const more = executed.slice(seen.get(name) ?? 0).map(({ method, path }) => ({ name, method, path }));
			seen.set(name, executed.length);
			return more;
		});
		for (const record of site.records.slice(recorded)) {
			if (record.kind === 'decision' && record.verdict === 'execute')
				count(record.bmc, record.method, record.path, 1);
		}
		recorded = site.records.length;
		for (const { name, method, path } of done) {
			if (isOwn({ method, path }) || method === 'GET' || method === 'HEAD') continue;
			changes++;
			if (count(name, method, path, -1) < 0) throw new Error(`${name} did ${method} ${path} undecided`);
		}
	};
	await fc.assert(
		fc.asyncProperty(
			fc.array(rawRequest, { minLength: 1, maxLength: 4 }),
			fc.constantFrom(...ports),
			fc.record({ up: fc.constantFrom(8, 5), watts: fc.constantFrom(880, 1200) }),
			async (requests, port, facts) => {
				Object.assign(site.world, facts);
				await send(port, requests.join(''));
				settle();
			},
		),
		{ numRuns: 200, seed: 20_260_101, endOnFailure: true },
	);
	const reads = Object.values(site.bmcs).flatMap(({ executed }) =>
		executed.filter(did => did.method === 'GET'),
	);
	const decided = new Set(site.records.flatMap(record => (record.kind === 'decision' ? [record.path] : [])));
	for (const { method, path } of reads) t.true(decided.has(path) || isOpen({ method, path }), path);
	t.true(changes > 10, `only ${changes} changes came through: the test says little`);
});
