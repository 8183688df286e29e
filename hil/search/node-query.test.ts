import test from 'ava';
import fc from 'fast-check';
import { meets, parseNodeQuery } from './node-query.ts';

const node = new Map<string, unknown>([
	['cpu', 32],
	['gpu', ['A100', 'T4']],
	['tpm', true],
	['reserved', false],
	['rack row', 'b7'],
	['serial', '0042'],
]);

test('conditions on properties', t => {
	const yes = [
		'',
		'cpu >= 32',
		'cpu=32 and tpm',
		'gpu = A100',
		'gpu = "T4" and not reserved',
		'gpu != V100',
		'"rack row" = b7',
		'tpm = true',
		'not fpga',
		'serial = "0042"',
		'cpu > 31.5 and cpu < 33',
	];
	const no = [
		'cpu > 32',
		'cpu < 32',
		'gpu = V100',
		'gpu != A100',
		'fpga',
		'fpga != x',
		'reserved',
		'not tpm',
		'serial = 0042',
		'gpu > 1',
		'rack = b7',
	];
	for (const text of yes) t.true(meets(node, parseNodeQuery(text)), text);
	for (const text of no) t.false(meets(node, parseNodeQuery(text)), text);
});

test('what is no query says where', t => {
	const cases: [text: string, where: RegExp][] = [
		['cpu >=', /character 7: expected a value/],
		['cpu >= 1 tpm', /character 9: expected 'and'/],
		['and', /./],
		['= 3', /character 1: expected a property/],
		['not cpu = 3', /'not' goes with a property alone/],
		['gpu = "A100', /not understood/],
		['a = = b', /expected a value/],
		[Array(22).fill('a').join(' and '), /at most 20/],
	];
	for (const [text, where] of cases) {
		if (text === 'and') t.deepEqual(parseNodeQuery(text), [{ property: 'and', operator: 'is-set' }]);
		else t.regex(t.throws(() => parseNodeQuery(text))?.message ?? '', where, text);
	}
});

test('any text is a query or is refused as one', t => {
	fc.assert(
		fc.property(fc.string({ unit: 'binary', maxLength: 40 }), text => {
			try {
				meets(node, parseNodeQuery(text));
			} catch (fault) {
				if ((fault as { code?: string }).code !== 'BadArgumentError') throw fault;
			}
		}),
		{ numRuns: 2000 },
	);
	t.pass();
});
