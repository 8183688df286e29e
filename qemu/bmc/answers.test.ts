import test from 'ava';
import fc from 'fast-check';
import { bmcForTest, messageOf } from './test-bmc.ts';

const ROOT = '/redfish/v1';
const SYSTEM = `${ROOT}/Systems/system`;
const ENTRIES = `${SYSTEM}/LogServices/EventLog/Entries`;

test('an ETag changes if and only if the body changes', async t => {
	const operation = fc.oneof(
		fc.record({
			method: fc.constant('PATCH'),
			path: fc.constant(SYSTEM),
			body: fc.record({ AssetTag: fc.constantFrom('a', 'b', 'ü', '') }),
		}),
		fc.record({
			method: fc.constant('PATCH'),
			path: fc.constant(`${ROOT}/Managers/bmc/NetworkProtocol`),
			body: fc.record({ HostName: fc.constantFrom('node1', 'other') }),
		}),
		fc.record({
			method: fc.constant('POST'),
			path: fc.constant(`${SYSTEM}/Actions/ComputerSystem.Reset`),
			body: fc.record({ ResetType: fc.constantFrom('On', 'ForceOff', 'Nmi') }),
		}),
		fc.record({
			method: fc.constant('POST'),
			path: fc.constant(`${SYSTEM}/LogServices/EventLog/Actions/LogService.ClearLog`),
			body: fc.constant({}),
		}),
	);
	const watched = [SYSTEM, ENTRIES, `${ROOT}/Managers/bmc/NetworkProtocol`, `${ROOT}/Chassis/chassis`];
	await fc.assert(
		fc.asyncProperty(fc.array(operation, { maxLength: 6 }), async operations => {
			const { bmc, ask } = await bmcForTest(t);
			const bodies = new Map<string, string>();
			const tags = new Map<string, string>();
			for (const step of [undefined, ...operations]) {
				if (step) await ask(step.method, step.path, { body: step.body });
				for (const path of watched) {
					// Twice: the second answer may be a remembered one and must not differ.
					for (const _ of [1, 2]) {
						const { text, headers } = await ask('GET', path);
						const tag = `${path} ${headers.etag}`;
						const body = `${path} ${text}`;
						if ((bodies.get(tag) ?? body) !== body || (tags.get(body) ?? tag) !== tag) return false;
						bodies.set(tag, body);
						tags.set(body, tag);
					}
				}
			}
			await bmc.close();
			return true;
		}),
		{ numRuns: 15 },
	);
	t.pass();
});

test('If-None-Match spares an unchanged body, If-Match guards a change', async t => {
	const { ask } = await bmcForTest(t);
	const etag = String((await ask('GET', SYSTEM)).headers.etag);
	const unchanged = await ask('GET', SYSTEM, { headers: { 'If-None-Match': etag } });
	t.is(unchanged.status, 304);
	t.is(unchanged.text, '');
	t.is(unchanged.headers.etag, etag);
	const change = (tag: string) =>
		ask('PATCH', SYSTEM, { body: { AssetTag: 'changed' }, headers: { 'If-Match': tag } });
	t.is((await change(etag)).status, 204);
	t.is((await ask('GET', SYSTEM, { headers: { 'If-None-Match': etag } })).status, 200);
	const late = await change(etag);
	t.is(late.status, 412);
	t.is(messageOf(late), 'PreconditionFailed');
	t.is((await change('*')).status, 204);
});

test('query parameters: only, $top, $skip, $select, $expand', async t => {
	const { ask } = await bmcForTest(t);
	const only = await ask('GET', `${ROOT}/Systems?only`);
	t.is(only.json['@odata.id'], SYSTEM);
	t.is(only.headers.allow, 'GET, HEAD, PATCH');
	const all = (await ask('GET', ENTRIES)).json;
	t.is(all['Members@odata.count'], 12);
	const part = (await ask('GET', `${ENTRIES}?$skip=3&$top=2`)).json;
	t.deepEqual(part.Members, (all.Members as []).slice(3, 5));
	t.is(part['Members@odata.count'], 12);
	t.is(part['Members@odata.nextLink'], `${ENTRIES}?$skip=5`);
	const encoded = (await ask('GET', `${ENTRIES}?%24top=1`)).json;
	t.is((encoded.Members as unknown[]).length, 1);
	const selected = (await ask('GET', `${SYSTEM}?$select=Boot/BootSourceOverrideMode,PowerState`)).json;
	t.deepEqual(Object.keys(selected), ['@odata.id', '@odata.type', 'Boot', 'PowerState']);
	t.deepEqual(selected.Boot, { BootSourceOverrideMode: 'UEFI' });
	const chassis = (await ask('GET', `${ROOT}/Chassis?$expand=.($levels=4)`)).json;
	const text = JSON.stringify(chassis);
	t.true(text.includes('"Reading":') && text.includes('PSU 800W'));
	t.false(text.includes('#ComputerSystem.'), 'Links stay links with .');
	const links = JSON.stringify((await ask('GET', `${ROOT}/Chassis/chassis?$expand=~`)).json);
	t.true(links.includes('#ComputerSystem.'));
});

test('query parameters that are refused', async t => {
	const { ask } = await bmcForTest(t);
	const refused = async (query: string) => {
		const reply = await ask('GET', `${ROOT}/Systems?${query}`);
		return [reply.status, messageOf(reply)];
	};
	t.deepEqual(await refused('$filter=x'), [501, 'QueryParameterValueFormatError']);
	t.deepEqual(await refused('$top=-1'), [400, 'QueryParameterValueFormatError']);
	t.deepEqual(await refused('$top=1001'), [400, 'QueryParameterOutOfRange']);
	t.deepEqual(await refused('$expand=x'), [400, 'QueryParameterValueFormatError']);
	t.deepEqual(await refused('only&$skip=1'), [400, 'QueryCombinationInvalid']);
	const single = await ask('GET', `${SYSTEM}?$top=1`);
	t.deepEqual([single.status, messageOf(single)], [400, 'QueryNotSupportedOnResource']);
});

test('expanding shows nobody more than they may read', async t => {
	const { ask } = await bmcForTest(t);
	const accounts = `${ROOT}/AccountService/Accounts`;
	const asOperator = (await ask('GET', `${accounts}?$expand=.`, { user: 'oper1' })).text;
	t.true(asOperator.includes('"UserName": "oper1"'));
	t.false(asOperator.includes('root'));
});

test('a PATCH with one bad property changes nothing', async t => {
	const { ask } = await bmcForTest(t);
	const before = (await ask('GET', SYSTEM)).text;
	for (const body of [
		{ AssetTag: 'x', Boot: { BootSourceOverrideTarget: 'Nowhere' } },
		{ AssetTag: 'x', Boot: 5 },
		{ AssetTag: 'x', Boot: { Nope: 1 } },
		{ Boot: { BootSourceOverrideTarget: 'Pxe' }, AssetTag: null },
	]) {
		t.is((await ask('PATCH', SYSTEM, { body })).status, 400);
	}
	t.is((await ask('GET', SYSTEM)).text, before);
});

test('JSON beyond the limits of depth, number of values or size is malformed', async t => {
	const { ask } = await bmcForTest(t);
	let deep: object = {};
	for (let depth = 0; depth < 12; depth++) deep = { deep };
	const refused = async (body: object) => messageOf(await ask('PATCH', SYSTEM, { body: body as never }));
	t.is(await refused(deep), 'MalformedJSON');
	t.is(await refused({ AssetTag: Array(2001).fill(0) }), 'MalformedJSON');
	t.is(await refused({ AssetTag: 'a'.repeat(1024 * 1024) }), 'MalformedJSON');
	t.is(await refused([1]), 'UnrecognizedRequestBody');
	t.is(await refused(JSON.parse('{"__proto__": 1}')), 'PropertyUnknown');
});
