import test from 'ava';
import type { JsonValue } from '../../proxy/canonicalise/canonical-request.ts';
import type { BmcLogin } from '../../proxy/enrol/open-bmc.ts';
import { compareTrees } from './same-tree.ts';
import type { Asked } from './some-bmc.ts';

type Tree = Readonly<Record<string, JsonValue>>;
const root = { '@odata.id': '/redfish/v1', Systems: { '@odata.id': '/redfish/v1/Systems' } };
const systems = { Name: 'Systems', Reading: 1, Status: { State: 'Enabled' } };

/** A BMC whose reading goes up each time it is looked at. */
function login(tree: Tree): BmcLogin {
	let reading = 0;
	const look: BmcLogin['look'] = async path => {
		const json = tree[path] as Record<string, JsonValue> | undefined;
		if (!json) return { status: 404, json: undefined };
		return { status: 200, json: 'Reading' in json ? { ...json, Reading: ++reading } : json };
	};
	return { look } as BmcLogin;
}
const through =
	(tree: Tree): Asked =>
	async (_method, path) => {
		const json = tree[path];
		return { status: json === undefined ? 403 : 200, json } as Awaited<ReturnType<Asked>>;
	};

test('what changes by itself is no difference; what the proxy adds, takes away or alters is', async t => {
	const tree = { '/redfish/v1': root, '/redfish/v1/Systems': systems };
	const same = await compareTrees(
		login(tree),
		through({ ...tree, '/redfish/v1/Systems': { ...systems, Reading: 7 } }),
	);
	t.deepEqual(same, { read: 2, withoutRow: [], differences: [] });
	for (const [shown, what] of [
		[{ ...systems, Name: 'Other' }, '/Name is "Other" instead of "Systems"'],
		[{ ...systems, Status: {} }, '/Status/State is undefined instead of "Enabled"'],
		[{ ...systems, Added: 1 }, '/Added is 1 instead of undefined'],
		[null, 'all of it is null instead of'],
	] as const) {
		const { differences } = await compareTrees(
			login(tree),
			through({ ...tree, '/redfish/v1/Systems': shown }),
		);
		t.is(differences.length, 1);
		t.true(differences[0]?.what.startsWith(what), differences[0]?.what);
	}
	const denied = await compareTrees(login(tree), through({ '/redfish/v1': root }));
	t.deepEqual([denied.withoutRow, denied.differences], [['/redfish/v1/Systems'], []]);
});
