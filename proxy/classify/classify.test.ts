import test from 'ava';
import fc from 'fast-check';
import type { CanonicalRequest, JsonValue } from '../canonicalise/canonical-request.ts';
import { plainRequest } from '../canonicalise/plain-request.ts';
import { readOperations } from '../policy/operations-file.ts';
import { testOperation, testPolicySet } from '../policy/test-operation.ts';
import { compileClassifier } from './classify.ts';
import { covers, propertyPaths } from './properties.ts';

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
		kind: 'not-offered',
		methods: ['GET', 'HEAD'],
		reason: 'no row of the authorization table covers DELETE /redfish/v1/Chassis/a',
		row: [
			'- type: Operation',
			'  operation: "Delete Chassis/$chassis"',
			'  description: "Delete (say here what it does)"',
			'  match: DELETE /redfish/v1/Chassis/{chassis}',
			'  p2c: HSO',
		].join('\n'),
	});
	t.is(names(plainRequest('GET', '/redfish/v1/Nope')), 'unknown');
	t.is(names(plainRequest('GET', '/redfish/v1/Chassis')), 'unknown');
	t.is(names(plainRequest('GET', '/redfish/v1/Systems/system/Actions/ComputerSystem.Reset')), 'not-offered');
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

test('a row that is suggested can be pasted, and covers what it was suggested for', t => {
	const segment = fc.constantFrom(
		'Systems',
		'system',
		'Oem',
		'Things',
		'7',
		'cpu+0',
		'a:b',
		'$metadata',
		'Entries',
	);
	const name = fc.constantFrom('Boot', 'Unheard', 'Oem', '@Redfish.SettingsApplyTime', 'x y', 'A.b', '*');
	const leaf = fc.constantFrom<JsonValue>(1, null, [], {});
	const body = fc.dictionary(name, fc.oneof(leaf, fc.dictionary(name, leaf, { minKeys: 1 })), { minKeys: 1 });
	let suggested = 0;
	fc.assert(
		fc.property(
			fc.constantFrom('GET', 'POST', 'PATCH', 'PUT', 'DELETE'),
			fc.array(segment, { minLength: 1, maxLength: 6 }),
			body,
			(method, segments, content) => {
				const path = `/redfish/v1/${segments.join('/')}`;
				const hasBody = method !== 'GET' && method !== 'DELETE';
				const request = plainRequest(method as 'GET', path, hasBody ? (content as JsonValue) : undefined);
				const found = classify(request);
				if (found.kind !== 'unknown' || found.row === undefined) return;
				suggested++;
				const read = readOperations({ name: 'operations.yaml', text: found.row }, ['HSO']);
				t.deepEqual(read.problems, [], found.row);
				const rows = read.rows.map(one => ({ ...one, policies: new Map() }));
				const covered = compileClassifier(testPolicySet(...rows))(
					method === 'PATCH'
						? { ...request, body: onlyUnknown(request.body, rows[0]?.properties ?? []) }
						: request,
				);
				t.is(covered.kind, 'known', found.row);
			},
		),
	);
	t.true(suggested > 20);
});

/** Of a body, what these properties name. */
function onlyUnknown(body: JsonValue | undefined, properties: readonly string[]): JsonValue {
	const kept: Record<string, JsonValue> = {};
	for (const path of propertyPaths(body)) {
		if (!covers(properties, path)) continue;
		let place: Record<string, JsonValue> = kept;
		for (const each of path.slice(0, -1)) {
			place[each] ??= {};
			place = place[each] as Record<string, JsonValue>;
		}
		place[path.at(-1) ?? ''] = 1;
	}
	return kept;
}

test('no request reaches into another resource than its own', t => {
	const one = compileClassifier(
		testPolicySet(
			row('service', 'PATCH /redfish/v1/EventService'),
			row('subscribe', 'POST /redfish/v1/EventService/Subscriptions'),
			row('subscriptions', 'GET /redfish/v1/EventService/Subscriptions/{subscription}'),
			row('keys', 'GET /redfish/v1/EventService/Subscriptions/{subscription}/Keys'),
			row('network', 'PATCH /redfish/v1/Network'),
			row('certificates', 'GET /redfish/v1/Network/HTTPS/Certificates'),
			row('assembly', 'PATCH /redfish/v1/Assembly', ['Assemblies']),
		),
	);
	const kinds = (method: 'PATCH' | 'POST', path: string, body: JsonValue) => {
		const found = one(plainRequest(method, path, body));
		return found.kind === 'unknown' ? found.reason.split(' ')[0] : found.kind;
	};
	const service = '/redfish/v1/EventService';
	t.is(kinds('PATCH', service, { DeliveryRetryAttempts: 3 }), 'known');
	t.is(
		kinds('PATCH', service, { Subscriptions: { Members: [{ Destination: 'x' }] } }),
		'Subscriptions.Members',
	);
	t.is(kinds('PATCH', service, { Subscriptions: { a: 1 } }), 'Subscriptions');
	t.is(
		kinds('PATCH', service, { Oem: { X: [{ '@odata.id': '/redfish/v1/A', B: 1 }] } }),
		'Oem.X.0.@odata.id',
	);
	t.is(kinds('PATCH', service, { Links: { X: { '@odata.id': '/redfish/v1/A' } } }), 'known');
	t.is(kinds('PATCH', '/redfish/v1/Network', { HTTPS: { ProtocolEnabled: true } }), 'known');
	t.is(kinds('PATCH', '/redfish/v1/Network', { HTTPS: { Certificates: {} } }), 'HTTPS.Certificates');
	t.is(kinds('POST', `${service}/Subscriptions`, { Destination: 'x' }), 'known');
	t.is(kinds('POST', `${service}/Subscriptions`, { Destination: 'x', Keys: { K: 1 } }), 'Keys');
	const parts = {
		Assemblies: [{ '@odata.id': '/redfish/v1/Assembly#/Assemblies/0', LocationIndicatorActive: true }],
	};
	t.is(kinds('PATCH', '/redfish/v1/Assembly', parts), 'known');
	t.is(kinds('PATCH', `${service}/Subscriptions`, { Members: [] }), 'not-offered');
});

test('an annotation is one name, whatever its dots', t => {
	const applyTime = ['@Redfish.SettingsApplyTime.*'];
	t.true(covers(applyTime, ['@Redfish.SettingsApplyTime', 'ApplyTime']));
	t.true(covers(applyTime, ['@Redfish.SettingsApplyTime', '@odata.type']));
	t.false(covers(applyTime, ['@Redfish.SettingsApplyTime']));
	t.false(covers(applyTime, ['@Redfish', 'SettingsApplyTime', 'ApplyTime']));
	t.false(covers(['Boot.*'], ['Boot.Target']));
	t.false(covers(['Boot.Target'], ['Boot.Target']));
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
