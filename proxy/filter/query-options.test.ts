import test from 'ava';
import type { BimetalError } from '../../common/errors/bimetal-error.ts';
import { maxLevels, parseQueryOptions } from './query-options.ts';

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
	['QueryParameterValueFormatError', [['$expand', 'Members']]],
	['QueryParameterValueFormatError', [['$expand', '.($levels=x)']]],
	['QueryParameterOutOfRange', [['$expand', '.($levels=0)']]],
	['QueryParameterOutOfRange', [['$expand', `*($levels=${maxLevels + 1})`]]],
	['QueryParameterValueFormatError', [['$filter', 'Severity like 1']]],
	[
		'QueryCombinationInvalid',
		[
			['only', ''],
			['$top', '1'],
		],
	],
	[
		'QueryCombinationInvalid',
		[
			['$skip', '1'],
			['only', ''],
		],
	],
	[
		'QueryCombinationInvalid',
		[
			['only', ''],
			['$expand', '.'],
		],
	],
	[
		'QueryCombinationInvalid',
		[
			['only', ''],
			['$filter', 'a eq 1'],
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

test('what is asked for is read', t => {
	const { only, top, skip, expand, select, filter } = parseQueryOptions([
		['$expand', `~($levels=${maxLevels})`],
		['$filter', "Id eq '1'"],
		['$select', 'Name, Status/Health'],
		['$skip', '2'],
		['$top', '0'],
	]);
	t.deepEqual(
		{ only, top, skip, expand },
		{ only: false, top: 0, skip: 2, expand: { which: '~', levels: maxLevels } },
	);
	t.deepEqual(select, [['Name'], ['Status', 'Health']]);
	t.true(filter?.({ Id: '1' }));
	t.deepEqual(parseQueryOptions([['$expand', '*']]).expand, { which: '*', levels: 1 });
	t.true(
		parseQueryOptions([
			['$select', 'Id'],
			['only', ''],
		]).only,
	);
});
