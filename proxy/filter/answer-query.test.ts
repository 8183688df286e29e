import test from 'ava';
import fc from 'fast-check';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { answerQuery } from './answer-query.ts';
import { parseQueryOptions } from './query-options.ts';

const path = '/redfish/v1/Systems/system/LogServices/EventLog/Entries';
const collection = (count: number) => ({
	'@odata.id': path,
	'@odata.type': '#LogEntryCollection.LogEntryCollection',
	Name: 'Log',
	Members: Array.from({ length: count }, (_, i) => ({
		'@odata.id': `${path}/${i}`,
		Id: String(i),
		Status: { Health: i % 2 === 0 ? 'OK' : 'Critical', State: 'x' },
	})),
	'Members@odata.count': count,
});
const link = (target: string) => ({ '@odata.id': target });

type Shown = Record<string, JsonValue>;

async function apply(
	answer: JsonValue,
	query: readonly (readonly [string, string])[],
	resources: Readonly<Record<string, JsonValue>> = {},
	looked: string[] = [],
): Promise<Shown> {
	const look = async (target: string) => {
		looked.push(target);
		return resources[target];
	};
	return (await answerQuery(answer, parseQueryOptions(query), { path, look })) as Shown;
}
const ids = (answer: Shown) => (answer.Members as { Id: string }[]).map(member => member.Id);

test('pages are cut after filtering: the count is of all, and the next link goes on', async t => {
	const first = await apply(collection(5), [
		['$top', '2'],
		['$skip', '1'],
	]);
	t.deepEqual(ids(first), ['1', '2']);
	t.is(first['Members@odata.count'], 5);
	t.is(first['Members@odata.nextLink'], `${path}?$skip=3&$top=2`);
	t.false(
		'Members@odata.nextLink' in
			(await apply(collection(5), [
				['$top', '2'],
				['$skip', '3'],
			])),
	);
	t.false('Members@odata.nextLink' in (await apply(collection(5), [['$top', '0']])));
});

test('only, $filter, $top and $skip are for collections', async t => {
	for (const query of [
		['only', ''],
		['$top', '1'],
		['$skip', '1'],
		['$filter', "Id eq '1'"],
	] as const) {
		await t.throwsAsync(apply({ Name: 'x' }, [query]), { code: 'QueryNotSupportedOnResource' });
	}
});

test('property: following the next links gives every member that the filter keeps once, in order', async t => {
	const filters = [undefined, "Status/Health eq 'OK'", "Id ne '3' and Id ne '4'", "Id eq 'none'"];
	await fc.assert(
		fc.asyncProperty(
			fc.nat(30),
			fc.integer({ min: 1, max: 10 }),
			fc.constantFrom(...filters),
			async (count, top, filter) => {
				const kept = filter ? await apply(collection(count), [['$filter', filter]]) : collection(count);
				const seen: JsonValue[] = [];
				let link: JsonValue | undefined =
					`${path}?$top=${top}${filter ? `&$filter=${encodeURIComponent(filter)}` : ''}`;
				while (typeof link === 'string') {
					const page: Shown = await apply(collection(count), [...new URLSearchParams(link.split('?')[1])]);
					seen.push(...(page.Members as JsonValue[]));
					if (page['Members@odata.count'] !== (kept.Members as JsonValue[]).length) return false;
					link = page['Members@odata.nextLink'];
				}
				return JSON.stringify(seen) === JSON.stringify(kept.Members);
			},
		),
	);
	t.pass();
});

test('$filter looks at members that are links, and leaves out what is not shown', async t => {
	const resources = { '/redfish/v1/a': { Id: 'a', On: true }, '/redfish/v1/b': { Id: 'b', On: false } };
	const members = ['/redfish/v1/a', '/redfish/v1/b', '/redfish/v1/hidden', '/redfish/v1/a'].map(link);
	const looked: string[] = [];
	const query = [['$filter', 'not (On eq false)']] as const;
	const shown = await apply({ Members: members, 'Members@odata.count': 4 }, query, resources, looked);
	t.deepEqual(shown, { Members: [members[0], members[3]] as JsonValue[], 'Members@odata.count': 2 });
	t.deepEqual(looked.sort(), ['/redfish/v1/a', '/redfish/v1/b', '/redfish/v1/hidden']);
	const many = Array.from({ length: 1001 }, (_, i) => link(`/redfish/v1/${i}`));
	await t.throwsAsync(apply({ Members: many }, query), { code: 'QueryNotSupportedOnResource' });
});

test('$select keeps the named properties, their annotations, and what identifies the resource', async t => {
	t.deepEqual(await apply(collection(1), [['$select', 'Members/Status/Health,Nothing']]), {
		'@odata.id': path,
		'@odata.type': '#LogEntryCollection.LogEntryCollection',
		Members: [{ '@odata.id': `${path}/0`, Status: { Health: 'OK' } }],
		'Members@odata.count': 1,
	});
	t.deepEqual(await apply(collection(3), [['$select', 'Name']]), {
		'@odata.id': path,
		'@odata.type': '#LogEntryCollection.LogEntryCollection',
		Name: 'Log',
	});
});

test('only gives the one member that is left, and the collection where there is none, several, or one not shown', async t => {
	const resources = { [`${path}/0`]: { Id: '0', Whole: true } };
	t.deepEqual(await apply(collection(1), [['only', '']], resources), { Id: '0', Whole: true });
	t.deepEqual(
		await apply(
			collection(1),
			[
				['$select', 'Whole'],
				['only', ''],
			],
			resources,
		),
		{ Whole: true },
	);
	for (const count of [0, 2])
		t.deepEqual(await apply(collection(count), [['only', '']], resources), collection(count));
	t.deepEqual(await apply(collection(1), [['only', '']]), collection(1));
});

/** A system with a part below it, and a chassis under Links that links back. */
const tree = {
	'/redfish/v1/s': { Id: 's', Part: link('/redfish/v1/p'), Links: { Chassis: [link('/redfish/v1/c')] } },
	'/redfish/v1/p': { Id: 'p', Below: link('/redfish/v1/q'), Settings: link('/redfish/v1/hidden') },
	'/redfish/v1/q': { Id: 'q' },
	'/redfish/v1/c': { Id: 'c', Links: { Systems: [link('/redfish/v1/s')] } },
};
const { '/redfish/v1/s': s, '/redfish/v1/p': p, '/redfish/v1/q': q, '/redfish/v1/c': c } = tree;
const levels: readonly (readonly [string, JsonValue])[] = [
	['.', { ...s, Part: p }],
	['~', { ...s, Links: { Chassis: [c] } }],
	['*', { ...s, Part: p, Links: { Chassis: [c] } }],
	['.($levels=2)', { ...s, Part: { ...p, Below: q } }],
	['.($levels=6)', { ...s, Part: { ...p, Below: q } }],
	['~($levels=2)', { ...s, Links: { Chassis: [{ ...c, Links: { Systems: [s] } }] } }],
];
for (const [value, expected] of levels) {
	test(`$expand=${value}`, async t => {
		const looked: string[] = [];
		t.deepEqual(await apply(s, [['$expand', value]], tree, looked), expected as Shown);
		t.is(new Set(looked).size, looked.length, 'each resource is read and decided on once');
	});
}

test('$expand comes after $top: nothing is read that is not shown', async t => {
	const looked: string[] = [];
	const members = ['/redfish/v1/s', '/redfish/v1/p', '/redfish/v1/q'].map(link);
	const shown = await apply(
		{ Members: members },
		[
			['$expand', '.'],
			['$skip', '1'],
			['$top', '1'],
		],
		tree,
		looked,
	);
	t.deepEqual(shown, {
		Members: [p],
		'Members@odata.count': 3,
		'Members@odata.nextLink': `${path}?$expand=.&$skip=2&$top=1`,
	});
	t.deepEqual(looked, ['/redfish/v1/p']);
});

test('links in a circle end: no answer holds more than 256 resources, the nearest first', async t => {
	const names = Array.from({ length: 20 }, (_, i) => `/redfish/v1/${i}`);
	const all = Object.fromEntries(names.map(name => [name, { Id: name, Others: names.map(link) }]));
	const looked: string[] = [];
	const shown = await apply(
		{ Id: 'root', Others: names.map(link) },
		[['$expand', '*($levels=6)']],
		all,
		looked,
	);
	t.is(JSON.stringify(shown).match(/"Id"/g)?.length, 257);
	t.is(looked.length, 20);
	for (const other of shown.Others as Shown[]) t.true('Id' in other);
});

test('what an answer is called is never taken for what it inherits', async t => {
	const odd = JSON.parse('{"__proto__": {"@odata.id": "/redfish/v1/q"}, "Id": "odd"}') as JsonValue;
	t.is(JSON.stringify(await apply(odd, [['$expand', '.']], tree)), '{"__proto__":{"Id":"q"},"Id":"odd"}');
});
