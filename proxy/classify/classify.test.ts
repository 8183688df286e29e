import test from 'ava';
import fc from 'fast-check';
import type { CanonicalRequest, JsonValue } from '../canonicalise/canonical-request.ts';
import { plainRequest } from '../canonicalise/plain-request.ts';
import { testOperation, testPolicySet } from '../policy/test-operation.ts';
import { compileClassifier, propertyPaths } from './classify.ts';

const row = (name: string, match: string, properties?: string[]) =>
	testOperation({ name, match, clauses: ['HSO'], ...(properties && { properties }) });

const system = 'PATCH /redfish/v1/Systems/{system}';
const classify = compileClassifier(
	testPolicySet(
		row('any chassis thing', 'GET /redfish/v1/Chassis/{chassis}/**'),
		row('chassis', 'GET /redfish/v1/Chassis/{chassis}'),
		row('sensors', 'GET /redfish/v1/Chassis/{chassis}/Sensors'),
		row('the main sensor', 'GET /redfish/v1/Chassis/main/Sensors'),
		row('reset', 'POST /redfish/v1/Systems/{system}/Actions/ComputerSystem.Reset'),
		row('boot', system, ['Boot.BootSourceOverrideTarget', 'Boot.BootSourceOverrideMode']),
		row('tpm', system, ['Boot.TrustedModuleRequiredToBoot']),
		row('fans', system, ['Oem.OpenBmc.Fan.*']),
	),
);
const names = (request: CanonicalRequest) => {
	const found = classify(request);
	return found.kind === 'known' ? found.operations.map(operation => operation.name) : found.kind;
};

test('the most specific row is taken', t => {
	t.deepEqual(names(plainRequest('GET', '/redfish/v1/Chassis/a')), ['chassis']);
	t.deepEqual(names(plainRequest('GET', '/redfish/v1/Chassis/a/Sensors')), ['sensors']);
	t.deepEqual(names(plainRequest('GET', '/redfish/v1/Chassis/main/Sensors')), ['the main sensor']);
	t.deepEqual(names(plainRequest('GET', '/redfish/v1/Chassis/a/Power/b/c')), ['any chassis thing']);
	t.deepEqual(names(plainRequest('GET', '/redfish/v1/Chassis/main/Power')), ['any chassis thing']);
});

test('HEAD is read as GET', t => {
	t.deepEqual(names(plainRequest('HEAD', '/redfish/v1/Chassis/a')), ['chassis']);
});

test('unknown is said with the row that would be needed', t => {
	t.deepEqual(classify(plainRequest('DELETE', '/redfish/v1/Chassis/a')), {
		kind: 'unknown',
		reason: 'no row of the authorization table covers DELETE /redfish/v1/Chassis/a',
		row: 'match: DELETE /redfish/v1/Chassis/a',
	});
	t.is(names(plainRequest('GET', '/redfish/v1/Nope')), 'unknown');
	t.is(names(plainRequest('GET', '/redfish/v1/Chassis')), 'unknown');
	t.is(names(plainRequest('GET', '/redfish/v1/Systems/system/Actions/ComputerSystem.Reset')), 'unknown');
});

test('a PATCH is covered property by property, and takes every row it touches', t => {
	const path = '/redfish/v1/Systems/system';
	const pxe = { BootSourceOverrideTarget: 'Pxe' };
	t.deepEqual(names(plainRequest('PATCH', path, { Boot: pxe })), ['boot']);
	t.deepEqual(
		names(plainRequest('PATCH', path, { Boot: { ...pxe, TrustedModuleRequiredToBoot: 'Disabled' } })),
		['boot', 'tpm'],
	);
	t.deepEqual(names(plainRequest('PATCH', path, { Oem: { OpenBmc: { Fan: { Zone: { Min: 1 } } } } })), [
		'fans',
	]);
	for (const body of [
		{},
		{ Nope: 1 },
		{ Boot: {} },
		{ Boot: null },
		{ Boot: { ...pxe, Nope: 1 } },
		{ Oem: { OpenBmc: { Fan: {} } } },
		{ 'Boot.BootSourceOverrideTarget': 'Pxe' },
	]) {
		t.is(names(plainRequest('PATCH', path, body)), 'unknown', JSON.stringify(body));
	}
	t.is(names(plainRequest('PATCH', path)), 'unknown');
});

test('property: no property of a PATCH escapes: adding an unknown one always makes it unknown', t => {
	fc.assert(
		fc.property(fc.jsonValue(), fc.constantFrom('X', 'Boot', 'boot', 'Oem'), (value, name) => {
			const body = { Boot: { BootSourceOverrideTarget: 'Pxe', [`${name}?`]: value as JsonValue } };
			return names(plainRequest('PATCH', '/redfish/v1/Systems/system', body)) === 'unknown';
		}),
	);
	t.pass();
});

test('property: every leaf of a body has its path', t => {
	fc.assert(
		fc.property(fc.dictionary(fc.stringMatching(/^[A-Z]{1,3}$/), fc.jsonValue()), body => {
			const leaves = JSON.stringify(propertyPaths(body as JsonValue).map(path => path[0]));
			return Object.keys(body).every(name => leaves.includes(name));
		}),
	);
	t.pass();
});
