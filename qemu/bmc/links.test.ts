import test from 'ava';
import { isObject, type Json } from '../redfish/json.ts';
import { bmcForTest } from './test-bmc.ts';

test('every link leads to a resource of that name, every action to a route, every count is right', async t => {
	const { bmc, clock, ask } = await bmcForTest(t);
	for (const owner of ['Managers/bmc', 'Systems/system']) {
		const path = `/redfish/v1/${owner}/LogServices/Dump/Actions/LogService.CollectDiagnosticData`;
		t.is((await ask('POST', path, { body: { DiagnosticDataType: 'Manager' } })).status, 202);
	}
	clock.advance(3000);
	const seen = new Set(['/redfish/v1']);
	for (const path of seen) {
		const { status, json, text } = await ask('GET', path);
		t.is(status, 200, path);
		t.is(json['@odata.id'], path);
		t.regex(String(json['@odata.type']), /^#\w+(\.v\d+_\d+_\d+)?\.\w+$/, path);
		t.is(typeof json.Name, 'string', path);
		if (Array.isArray(json.Members)) t.is(json['Members@odata.count'], json.Members.length, path);
		else t.is(typeof json.Id, 'string', path);
		for (const [, link = ''] of text.matchAll(/"@odata\.id": "([^"#]+)"/g)) seen.add(link);
		for (const target of actionsOf(json.Actions)) {
			t.true(
				bmc.routes.some(route => matches(route, target)),
				target,
			);
		}
		for (const [, uri = ''] of text.matchAll(/"(?:@Redfish\.ActionInfo|AdditionalDataURI)": "([^"]+)"/g)) {
			t.is((await ask('GET', uri)).status, 200, uri);
		}
	}
	t.true(seen.size > 150, `${seen.size} resources`);
});

function actionsOf(actions: Json | undefined): string[] {
	if (!isObject(actions)) return [];
	return Object.values(actions).flatMap(action => (isObject(action) ? [String(action.target)] : []));
}

function matches(route: string, path: string): boolean {
	const [method, pattern = ''] = route.split(' ');
	const parts = path.split('/');
	const expected = pattern.split('/');
	return (
		method === 'POST' &&
		parts.length === expected.length &&
		expected.every((part, index) => part === '{}' || part === parts[index])
	);
}
