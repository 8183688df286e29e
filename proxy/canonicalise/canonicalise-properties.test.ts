import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import test from 'ava';
import fc from 'fast-check';
import type { BimetalError } from '../../common/errors/bimetal-error.ts';
import { attempt as canonical, outcome, reset, system } from './attempt.fixture.ts';
import { canonicaliseBody, canonicaliseHead } from './canonicalise.ts';
import { renderTarget } from './query.ts';

const nameCharacters = "abcXYZ019._~!$&'()*+,=:@-".split('');
const segment = fc
	.string({ unit: fc.constantFrom(...nameCharacters), minLength: 1, maxLength: 12 })
	.filter(s => s !== '.' && s !== '..');
const parameter = fc.oneof(
	fc.constantFrom('only').map(name => [name, ''] as const),
	fc.tuple(fc.constantFrom('$top', '$skip'), fc.nat({ max: 999999 }).map(String)),
	fc.tuple(fc.constant('$filter'), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 })),
	fc.tuple(fc.constant('$select'), fc.constantFrom('Id', 'Status/Health', '@odata.id,Name')),
	fc.tuple(fc.constant('$expand'), fc.constantFrom('*', '.', '~', '.($levels=1)')),
);

test('what is rendered from a canonical request is canonical: nothing changes the second time', t => {
	let accepted = 0;
	fc.assert(
		fc.property(
			fc.array(segment, { maxLength: 5 }),
			fc.array(parameter, { maxLength: 4 }),
			fc.boolean(),
			(names, query, slash) => {
				const path = ['/redfish/v1', ...names].join('/');
				const pairs = query.map(
					([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
				);
				const url = `${path}${slash ? '/' : ''}${pairs.length > 0 ? `?${pairs.join('&')}` : ''}`;
				if (outcome({ url }) !== 'accepted') return;
				accepted++;
				const first = canonical({ url });
				t.is(first.path, path);
				const written = (pairs: typeof first.query) => pairs.map(pair => pair.join('=')).sort();
				t.deepEqual(written(first.query), written(query));
				t.deepEqual(canonical({ url: renderTarget(first) }), first);
			},
		),
		{ numRuns: 500 },
	);
	t.true(accepted > 100);
});

test('whatever raw target is accepted, its path is the raw one but for one trailing slash', t => {
	const piece = fc.oneof(
		fc.constantFrom(
			'/',
			'//',
			'..',
			'.',
			'%2e',
			'%',
			'\\',
			';',
			'#',
			'?',
			'\t',
			' ',
			'é',
			'redfish',
			'v1',
			'Systems',
			'http:',
		),
		fc.string({ unit: 'binary', maxLength: 3 }),
	);
	fc.assert(
		fc.property(
			fc.constantFrom('', '/redfish', '/redfish/v1', '/redfish/v1/'),
			fc.array(piece, { maxLength: 6 }),
			(start, pieces) => {
				const url = start + pieces.join('');
				if (outcome({ url }) !== 'accepted') return;
				const raw = url.split('?')[0] ?? '';
				const { path, segments } = canonical({ url });
				t.is(path, raw.replace(/\/$/, ''));
				t.is(`/${segments.join('/')}`, path);
				t.is(new URL(path, 'http://x').pathname, path, 'a WHATWG parser sees the same path');
				t.regex(path, /^\/redfish(\/v1(\/[\x21-\x7e]+)?)?$/);
			},
		),
		{ numRuns: 5000 },
	);
	t.pass();
});

/** Sends bytes to a bare node:http server and gives what the stage made of each request that it saw. */
async function throughNode(bytes: string): Promise<string[]> {
	const seen: string[] = [];
	const server = createServer({ insecureHTTPParser: false }, async (request, response) => {
		try {
			const head = canonicaliseHead(request);
			const chunks: Buffer[] = [];
			for await (const chunk of request) chunks.push(chunk);
			canonicaliseBody(head, Buffer.concat(chunks));
			seen.push('accepted');
		} catch (error) {
			seen.push((error as BimetalError).code);
		}
		response.end();
	});
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
	socket.resume();
	socket.on('error', () => undefined);
	socket.end(bytes);
	await once(socket, 'close');
	server.close();
	server.closeAllConnections();
	return seen;
}

const start = (line: string, ...headers: string[]) =>
	[`${line} HTTP/1.1`, 'Host: x', ...headers, '', ''].join('\r\n');

test('behind node:http: what Node hands over is refused as well, or was refused by Node', async t => {
	t.deepEqual(await throughNode(start(`GET //x${system}`)), ['TargetNetworkPath']);
	t.deepEqual(await throughNode(start(`GET http://x${system}`)), ['TargetNotOrigin']);
	t.deepEqual(await throughNode(start(`GET ${system}#/redfish/v1/Chassis`)), ['TargetFragment']);
	t.deepEqual(await throughNode(start(`GET ${system}`, 'Authorization: Basic a', 'Authorization: Basic b')), [
		'HeaderDuplicate',
	]);
	t.deepEqual(await throughNode(start(`GET ${system}`, 'Connection: Upgrade', 'Upgrade: h2c')), [
		'UpgradeRefused',
	]);
	t.deepEqual(
		await throughNode(start(`POST ${reset}`, 'Content-Length: 5', 'Transfer-Encoding: chunked')),
		[],
	);
	t.deepEqual(await throughNode(start(`POST ${reset}`, 'Content-Length: 2', 'Content-Length: 18')), []);
	const smuggling = start(`POST ${reset}`, 'Content-Type: application/json', 'Transfer-Encoding: xchunked');
	t.false((await throughNode(smuggling + start('GET /redfish/v1'))).includes('accepted'));
	t.deepEqual(await throughNode(start('GET /redfish/v1') + start(`GET ${system}`)), ['accepted', 'accepted']);
});
