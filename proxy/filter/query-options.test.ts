import test from 'ava';
import fc from 'fast-check';
import type { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { applyQueryOptions, parseQueryOptions } from './query-options.ts';

const path = '/redfish/v1/Systems/system/LogServices/EventLog/Entries';
const collection = (count: number) => ({
	'@odata.id': path,
	'@odata.type': '#LogEntryCollection.LogEntryCollection',
	Name: 'Log',
	Members: Array.from({ length: count }, (_, i) => ({
		'@odata.id': `${path}/${i}`,
		Id: String(i),
		Status: { Health: 'OK', State: 'x' },
	})),
	'Members@odata.count': count,
});

function apply(answer: JsonValue, ...query: [string, string][]): JsonValue {
	return applyQueryOptions(answer, parseQueryOptions(query).options, path).answer;
}

const bad: readonly (readonly [string, [string, string][]])[] = [
	['QueryParameterValueFormatError', [['$top', 'x']]],
	['QueryParameterValueFormatError', [['$top', '']]],
	['QueryParameterValueFormatError', [['$skip', '1.5']]],
	['QueryParameterValueFormatError', [['$select', '']]],
	['QueryParameterValueFormatError', [['$select', 'A,,B']]],
	['QueryParameterValueFormatError', [['$select', 'a/'.repeat(40)]]],
	['QueryParameterValueFormatError', [['only', '1']]],
	['QueryParameterOutOfRange', [['$top', '-1']]],
	['QueryParameterOutOfRange', [['$skip', '9'.repeat(30)]]],
	[
		'QueryCombinationInvalid',
		[
			['$top', '1'],
			['only', ''],
		],
	],
];
for (const [code, query] of bad) {
	test(`refused as ${code}: ${JSON.stringify(query).slice(0, 60)}`, t => {
		const error = t.throws(() => parseQueryOptions(query)) as BimetalError;
		t.is(error.code, code);
		t.is(error.status, 400);
	});
}

test('what is not ours goes on to the BMC', t => {
	t.deepEqual(
		parseQueryOptions([
			['$expand', '*'],
			['$top', '1'],
		]).rest,
		[['$expand', '*']],
	);
});

test('pages are cut after filtering: the count is of all, and the next link goes on', t => {
	const first = apply(collection(5), ['$top', '2'], ['$skip', '1']) as Record<string, JsonValue>;
	t.deepEqual(
		(first.Members as { Id: string }[]).map(member => member.Id),
		['1', '2'],
	);
	t.is(first['Members@odata.count'], 5);
	t.is(first['Members@odata.nextLink'], `${path}?$skip=3&$top=2`);
	const last = apply(collection(5), ['$top', '2'], ['$skip', '3']) as Record<string, JsonValue>;
	t.false('Members@odata.nextLink' in last);
	t.false('Members@odata.nextLink' in (apply(collection(5), ['$top', '0']) as object));
	t.throws(() => apply({ Name: 'x' }, ['$top', '1']), { code: 'QueryNotSupportedOnResource' });
	t.throws(() => apply({ Name: 'x' }, ['only', '']), { code: 'QueryNotSupportedOnResource' });
});

test('property: following the next links gives every member once, in order', t => {
	fc.assert(
		fc.property(fc.nat(30), fc.integer({ min: 1, max: 10 }), (count, top) => {
			const seen: JsonValue[] = [];
			let link: JsonValue | undefined = `${path}?$top=${top}`;
			while (typeof link === 'string') {
				const query = [...new URLSearchParams(link.split('?')[1])];
				const page = apply(collection(count), ...query) as Record<string, JsonValue>;
				seen.push(...(page.Members as JsonValue[]));
				link = page['Members@odata.nextLink'];
			}
			return JSON.stringify(seen) === JSON.stringify(collection(count).Members);
		}),
	);
	t.pass();
});

test('$select keeps the named properties, their annotations, and what identifies the resource', t => {
	t.deepEqual(apply(collection(1), ['$select', 'Members/Status/Health,Nothing']), {
		'@odata.id': path,
		'@odata.type': '#LogEntryCollection.LogEntryCollection',
		Members: [{ '@odata.id': `${path}/0`, Status: { Health: 'OK' } }],
		'Members@odata.count': 1,
	});
	t.deepEqual(apply(collection(3), ['$select', 'Name']), {
		'@odata.id': path,
		'@odata.type': '#LogEntryCollection.LogEntryCollection',
		Name: 'Log',
	});
});

test('only leads to the one member that is left, and to nothing when there are several', t => {
	const { options } = parseQueryOptions([['only', '']]);
	t.is(applyQueryOptions(collection(1), options, path).follow, `${path}/0`);
	t.is(applyQueryOptions(collection(2), options, path).follow, undefined);
	t.is(applyQueryOptions(collection(0), options, path).follow, undefined);
});
