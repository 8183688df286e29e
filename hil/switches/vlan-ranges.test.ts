import test from 'ava';
import fc from 'fast-check';
import { formatVlanRanges, parseVlanRanges } from './vlan-ranges.ts';

test('VLANs are read as command lines write them', t => {
	t.deepEqual(parseVlanRanges('10, 12-14,11'), [10, 11, 12, 13, 14]);
	t.deepEqual(parseVlanRanges('none'), []);
	t.deepEqual(parseVlanRanges(''), []);
	for (const text of ['all', '5-', '7-5', '0', '4096', '1-4096', '1;2', '10 11', '-5']) {
		t.is(parseVlanRanges(text), undefined, text);
	}
	t.is(formatVlanRanges([14, 1, 12, 13, 12]), '1,12-14');
});

test('what is written is read again', t => {
	fc.assert(
		fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 4094 }), { maxLength: 30 }), vlans => {
			const sorted = [...vlans].sort((a, b) => a - b);
			t.deepEqual(parseVlanRanges(formatVlanRanges(vlans)), sorted);
		}),
	);
});
