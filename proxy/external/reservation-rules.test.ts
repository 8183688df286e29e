import test from 'ava';
import { externalSource } from './external-source.ts';
import { reservedOf, unitsOf } from './units.ts';

const source = (reservations: object) =>
	externalSource('.').safeParse({
		from: 'mqtt',
		topic: 'bimetal/pdu/outlets/+',
		under: 'Outlets',
		fields: { Id: '$.Id', Power: { path: '$.PowerWatts', type: 'number', unit: 'W' } },
		maxAge: '5s',
		timeout: '3s',
		reservations,
	});
const rule = { operation: 'Reset', add: 100, atMost: '30s' };

test('reservations of a source, with the unit of their field', t => {
	const parsed = source({ field: 'Power', row: 'Id', rowOf: { node1: '1' }, operations: [rule] });
	t.true(parsed.success);
	if (!parsed.success) return;
	const { PDU } = reservedOf({ PDU: parsed.data });
	t.like(PDU, { under: 'Outlets', unit: 'W', rules: { field: 'Power', rowOf: { node1: '1' } } });
	t.deepEqual([...unitsOf({ PDU: parsed.data })], [['External.PDU.Outlets.Power', 'W']]);
	t.deepEqual(PDU?.rules.operations[0]?.operation, ['Reset']);
});

const wrong: readonly (readonly [object, RegExp])[] = [
	[{ field: 'Watts', operations: [rule] }, /Watts is not one of the fields/],
	[{ field: 'Power', row: 'Name', operations: [rule] }, /Name is not one of the fields/],
	[{ field: 'Power', operations: [] }, /operations|Too small/],
	[{ field: 'Power', row: 'Id', operations: [{ ...rule, draw: 5 }] }, /either add or draw/],
	[{ field: 'Power', row: 'Id', operations: [{ operation: 'Reset', atMost: '30s' }] }, /either add or draw/],
	[{ field: 'Power', operations: [{ operation: 'Reset', draw: 5, atMost: '30s' }] }, /takes a row/],
	[{ field: 'Power', operations: [{ ...rule, add: -5 }] }, /0/],
	[{ field: 'Power', operations: [{ ...rule, atMost: '2h' }] }, /1s to 1h/],
	[{ field: 'Power', operations: [{ ...rule, when: 'Request.Bdy == 1' }] }, /a request has no "Bdy"/],
	[{ field: 'Power', operations: [{ ...rule, when: 'Resource.X == 1' }] }, /Request\.… alone/],
	[{ field: 'Power', operations: [{ ...rule, when: 'HOUR("UTC") == 1' }] }, /Request\.… alone/],
	[{ field: 'Power', operations: [{ ...rule, when: 'External.PDU.X == 1' }] }, /unknown External/],
];
for (const [reservations, message] of wrong) {
	test(`refused: ${JSON.stringify(reservations)}`, t => {
		const parsed = source(reservations);
		t.false(parsed.success);
		t.regex(JSON.stringify(parsed.error?.issues ?? []).replaceAll('\\', ''), message);
	});
}
