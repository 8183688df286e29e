import test from 'ava';
import { vlanRanges } from './vlan-ranges.ts';

test('what follows each other is one range', t => {
	t.deepEqual(vlanRanges([]), []);
	t.deepEqual(vlanRanges([7]), ['7']);
	t.deepEqual(vlanRanges([10, 11]), ['10', '11']);
	t.deepEqual(vlanRanges([1, 2, 3, 5, 7, 8, 9, 10]), ['1-3', '5', '7-10']);
});
