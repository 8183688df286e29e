// What a handshake may be, and that nothing else gets past, whatever is done to it.
import test from 'ava';
import fc from 'fast-check';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { consoleKindOf } from '../policy/console-paths.ts';
import { canonicaliseHandshake, type RawHandshake } from './handshake.ts';

const headers = [
	['Host', 'bmc.test:8443'],
	['Upgrade', 'websocket'],
	['Connection', 'Upgrade'],
	['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
	['Sec-WebSocket-Version', '13'],
] as const;
const raw = (more: readonly (readonly [string, string])[] = [], changes: Partial<RawHandshake> = {}) => ({
	method: 'GET',
	url: '/console0',
	httpVersion: '1.1',
	early: 0,
	rawHeaders: [...headers, ...more].flat(),
	...changes,
});
const without = (name: string, value?: string) => ({
	rawHeaders: headers.flatMap(([key, own]) =>
		key === name ? (value === undefined ? [] : [key, value]) : [key, own],
	),
});
function outcome(handshake: RawHandshake, origins: readonly string[] = []): string {
	try {
		return canonicaliseHandshake(handshake, origins).request.path;
	} catch (fault) {
		if (!(fault instanceof BimetalError)) throw fault;
		return fault.code;
	}
}

test('a handshake of a WebSocket at a console’s path', t => {
	t.like(canonicaliseHandshake(raw(), []), {
		request: { method: 'WEBSOCKET', path: '/console0', segments: ['console0'], query: [], body: undefined },
		protocol: undefined,
	});
	t.is(canonicaliseHandshake(raw([['Sec-WebSocket-Protocol', 'binary']]), []).protocol, 'binary');
	t.is(
		outcome(raw([['Sec-WebSocket-Extensions', 'permessage-deflate; client_max_window_bits']])),
		'/console0',
	);
	t.is(outcome(raw([], without('Connection', 'keep-alive, Upgrade'))), '/console0');
});

for (const [what, handshake, code] of [
	['h2c', raw([], without('Upgrade', 'h2c')), 'UpgradeRefused'],
	['two protocols at once', raw([], without('Upgrade', 'websocket, h2c')), 'UpgradeRefused'],
	['another method', raw([], { method: 'POST' }), 'UpgradeRefused'],
	['HTTP/1.0', raw([], { httpVersion: '1.0' }), 'UpgradeRefused'],
	['settings of HTTP/2', raw([['HTTP2-Settings', 'AAMAAABkAARAAAAAAAIAAAAA']]), 'UpgradeRefused'],
	['another path', raw([], { url: '/subscribe' }), 'UpgradeRefused'],
	['a resource', raw([], { url: '/redfish/v1/EventService/SSE' }), 'UpgradeRefused'],
	['a network path', raw([], { url: '//x/console0' }), 'TargetNetworkPath'],
	['dot segments', raw([], { url: '/kvm/../console0' }), 'TargetDotSegment'],
	['an encoded path', raw([], { url: '/%63onsole0' }), 'TargetPercentEncoded'],
	['a trailing slash', raw([], { url: '/console0/' }), 'UpgradeRefused'],
	['a fragment', raw([], { url: '/console0#/x' }), 'TargetFragment'],
	['a query', raw([], { url: '/console0?token=x' }), 'QueryNotOnMethod'],
	['an absolute URL', raw([], { url: 'http://x/console0' }), 'TargetNotOrigin'],
	['a body', raw([['Content-Length', '0']]), 'BodyNotOnMethod'],
	['chunks', raw([['Transfer-Encoding', 'chunked']]), 'BodyNotOnMethod'],
	['frames before the answer', raw([], { early: 2 }), 'BodyNotOnMethod'],
	['an expectation', raw([['Expect', '100-continue']]), 'HandshakeInvalid'],
	['no version', raw([], without('Sec-WebSocket-Version')), 'HandshakeVersion'],
	['an old version', raw([], without('Sec-WebSocket-Version', '8')), 'HandshakeVersion'],
	['no key', raw([], without('Sec-WebSocket-Key')), 'HandshakeInvalid'],
	['a short key', raw([], without('Sec-WebSocket-Key', 'AAAA')), 'HandshakeInvalid'],
	['no Connection', raw([], without('Connection')), 'HandshakeInvalid'],
	['more in Connection', raw([], without('Connection', 'Upgrade, X-Auth-Token')), 'HandshakeInvalid'],
	['a token as subprotocol', raw([['Sec-WebSocket-Protocol', 'secret']]), 'HandshakeInvalid'],
	['a server’s header', raw([['Sec-WebSocket-Accept', 'x']]), 'HandshakeInvalid'],
	['a page of another host', raw([['Origin', 'https://evil.test']]), 'OriginForeign'],
	['no page in particular', raw([['Origin', 'null']]), 'OriginForeign'],
	['the same host over http', raw([['Origin', 'http://bmc.test:8443']]), 'OriginForeign'],
	['another port', raw([['Origin', 'https://bmc.test']]), 'OriginForeign'],
] as const) {
	test(`refused: ${what}`, t => t.is(outcome(handshake), code));
}

for (const [name, value] of [
	...headers,
	['Sec-WebSocket-Protocol', 'binary'],
	['Origin', 'https://x'],
] as const) {
	test(`refused: two of ${name}`, t =>
		t.is(
			outcome(
				raw([[name, value], ...(headers.some(([own]) => own === name) ? [] : [[name, value] as const])]),
			),
			'HeaderDuplicate',
		));
}

test('pages of the proxy’s own host, and of those that the site names', t => {
	t.is(outcome(raw([['Origin', 'https://BMC.test:8443']])), '/console0');
	t.is(outcome(raw([['Origin', 'https://console.test']]), ['https://console.test']), '/console0');
});

test('whatever comes, what gets past is a console’s path as it was sent', t => {
	const piece = fc.constantFrom(
		...['console0', 'console', 'kvm', 'vm', '0', 'p2c', 'v1', 'consoles', 'watch', 'redfish'],
		...['..', '.', '', '%30', ';x', '#', '?', '\\', ' ', 'é', '\t', '/'],
	);
	const header = fc.tuple(
		fc.oneof(fc.constantFrom(...headers.map(([name]) => name.toLowerCase())), fc.string()),
		fc.oneof(fc.constantFrom('websocket', 'h2c', 'Upgrade', '13', 'https://x'), fc.string()),
	);
	fc.assert(
		fc.property(fc.array(piece, { maxLength: 6 }), fc.array(header, { maxLength: 3 }), (pieces, more) => {
			const url = `/${pieces.join('/')}`;
			const found = outcome(raw(more, { url }));
			if (!found.startsWith('/')) return;
			t.is(found, url);
			t.not(consoleKindOf(url.slice(1).split('/')), undefined);
		}),
		{ numRuns: 2000 },
	);
});
