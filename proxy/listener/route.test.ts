import test from 'ava';
import fc from 'fast-check';
import type { BmcConnection } from '../forward/bmc-connection.ts';
import { createRouter } from './route.ts';

const named = (name: string) => ({ target: { name } }) as BmcConnection;
const [one, two] = [named('node1'), named('node2')];
const route = createRouter(
	new Map([
		['node1', one],
		['node2', two],
	]),
	new Map([['node1.site', one]]),
);

for (const [host, url, expected] of [
	['p', '/bmc/node1/redfish/v1?x', { kind: 'bmc', bmc: one, prefix: '/bmc/node1', url: '/redfish/v1?x' }],
	['p', '/bmc/node2', { kind: 'bmc', bmc: two, prefix: '/bmc/node2', url: '/' }],
	['p', '/bmc/node1//redfish', { kind: 'bmc', bmc: one, prefix: '/bmc/node1', url: '//redfish' }],
	[
		'p',
		'/bmc/node1/../node2/redfish',
		{ kind: 'bmc', bmc: one, prefix: '/bmc/node1', url: '/../node2/redfish' },
	],
	['node1.site', '/redfish/v1', { kind: 'bmc', bmc: one, prefix: '', url: '/redfish/v1' }],
	['NODE1.site:8443', '/redfish/v1', { kind: 'bmc', bmc: one, prefix: '', url: '/redfish/v1' }],
	['node1.site', '/bmc/node2/redfish', { kind: 'bmc', bmc: one, prefix: '', url: '/bmc/node2/redfish' }],
	['node1.site', '/p2c/v1', { kind: 'bmc', bmc: one, prefix: '', url: '/p2c/v1' }],
	['node1.site.evil', '/redfish/v1', { kind: 'no-bmc', url: '/redfish/v1' }],
	[undefined, '/redfish/v1', { kind: 'no-bmc', url: '/redfish/v1' }],
	['p', '/p2c', { kind: 'management' }],
	['p', '/p2c/v1/me', { kind: 'management' }],
	['p', '/p2cx', { kind: 'no-bmc', url: '/p2cx' }],
	['p', '/bmc/', { kind: 'unknown-bmc', name: '' }],
	['p', '/bmc/node3/redfish', { kind: 'unknown-bmc', name: 'node3' }],
	['p', '/bmc/Node1/redfish', { kind: 'unknown-bmc', name: 'Node1' }],
	['p', '/bmc/node1?x=/redfish', { kind: 'unknown-bmc', name: 'node1?x=' }],
	['p', '/bmc/constructor/x', { kind: 'unknown-bmc', name: 'constructor' }],
	['p', '/bmc', { kind: 'no-bmc', url: '/bmc' }],
	['p', 'https://p/bmc/node1/redfish', { kind: 'no-bmc', url: 'https://p/bmc/node1/redfish' }],
	['p', '*', { kind: 'no-bmc', url: '*' }],
] as const) {
	test(`${host} ${url}`, t => t.deepEqual(route(host, url), expected));
}

test('what is left after the prefix is what the client sent, untouched', t => {
	fc.assert(
		fc.property(fc.string({ unit: 'binary' }), rest => {
			const found = route('p', `/bmc/node1/${rest}`);
			return found.kind === 'bmc' && found.bmc === one && found.url === `/${rest}`;
		}),
	);
	t.pass();
});
