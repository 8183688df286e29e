import test from 'ava';
import fc from 'fast-check';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { addPrefix, removePrefix } from './links.ts';

const prefix = '/bmc/node1';
/** JSON with links here and there, in values and in what only looks like one. */
const json = fc.letrec<{ value: JsonValue }>(tie => ({
	value: fc.oneof(
		{ depthSize: 'small' },
		fc.constantFrom(
			'/redfish',
			'/redfish/v1',
			'/redfish/v1/Systems/system#/Boot',
			'/redfishes',
			'redfish/v1',
			'',
		),
		fc.string(),
		fc.double({ noNaN: true, noDefaultInfinity: true }),
		fc.boolean(),
		fc.constant(null),
		fc.array(tie('value'), { maxLength: 4 }),
		fc.dictionary(
			fc.constantFrom('@odata.id', 'target', 'Members', '__proto__', '/redfish/v1'),
			tie('value'),
		),
	),
})).value;

test('what is given out with a prefix comes back without it', t => {
	fc.assert(
		fc.property(json, value => {
			const given = addPrefix(value, prefix);
			t.deepEqual(removePrefix(given, prefix), value);
			t.notRegex(JSON.stringify(given), /:"\/redfish["/]/);
		}),
	);
});

test('links are prefixed wherever they stand, and nothing else is', t => {
	t.deepEqual(
		addPrefix(
			{
				'@odata.id': '/redfish/v1/Systems',
				Members: [{ '@odata.id': '/redfish/v1/Systems/system' }],
				Actions: { '#x': { target: '/redfish/v1/x', '@Redfish.ActionInfo': '/redfish/v1/y' } },
				Name: 'see /redfish/v1',
				Uri: '/redfishes/v1',
				Url: 'https://bmc/redfish/v1',
				Count: 1,
				'/redfish/v1': null,
			},
			prefix,
		),
		{
			'@odata.id': '/bmc/node1/redfish/v1/Systems',
			Members: [{ '@odata.id': '/bmc/node1/redfish/v1/Systems/system' }],
			Actions: {
				'#x': { target: '/bmc/node1/redfish/v1/x', '@Redfish.ActionInfo': '/bmc/node1/redfish/v1/y' },
			},
			Name: 'see /redfish/v1',
			Uri: '/redfishes/v1',
			Url: 'https://bmc/redfish/v1',
			Count: 1,
			'/redfish/v1': null,
		},
	);
});

test('in bodies only this BMC’s own prefix is taken off', t => {
	const others = [
		'/bmc/node2/redfish/v1',
		'/bmc/node1',
		'/bmc/node1/other',
		'/bmc/node12/redfish/v1',
		'/redfish/v1',
	];
	for (const text of others) t.is(removePrefix(text, prefix), text);
	t.is(removePrefix('/bmc/node1/redfish/v1', prefix), '/redfish/v1');
});
