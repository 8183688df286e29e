import test from 'ava';
import { parseIsShut, parseTrunkPort, parseVlanTable, trunkPortState } from './trunk-port.ts';

const of = { isShut: false, highest: 4093 };
/** As users of an N2000 have published it; more VLANs than fit into a line. */
const n2000 = [
	'Port: Gi1/0/6',
	'VLAN Membership Mode: Trunk Mode',
	'Member of VLANs : (900),1-899,901-4093',
	'Access Mode VLAN: 1 (default)',
	'General Mode PVID: 900',
	'General Mode Tagged VLANs: 1,25-26,40-41,50-51,53,',
	'                           200,301-308,331,340',
	'Trunking Mode Native VLAN: 900',
	'Trunking Mode Native VLAN Tagging: Disabled',
	'Trunking Mode VLANs Enabled: All',
	'Protected: Disabled',
];
const fields = (changes: Readonly<Record<string, string>>): string[] =>
	Object.entries({
		Name: 'gi1/0/1',
		Switchport: 'enable',
		'Administrative Mode': 'trunk',
		'Access Mode VLAN': '1',
		'Trunking Native Mode VLAN': 'none',
		'Trunking VLANs Enabled': 'none',
		...changes,
	}).map(([key, value]) => `${key}: ${value}`);
const stateOf = (
	lines: readonly string[],
	name = 'gi1/0/1',
	nativeIs: 'carried always' | 'carried if allowed' = 'carried if allowed',
) => {
	const port = parseTrunkPort(name, lines, of);
	return port && trunkPortState(port, nativeIs);
};

test('a trunk of the N-Series', t => {
	const state = stateOf(n2000, 'gi1/0/6');
	t.true(typeof state === 'object' && state.native === 900 && state.tagged.length === 4092);
});

test('lists in several lines, with blanks, and of VLANs that are not there yet', t => {
	const lists = fields({ 'Trunking Native Mode VLAN': '3 (Inactive)', 'Trunking VLANs Enabled': '3' });
	lists.push(
		'                        10, 2000',
		'                        23 - 25 (Inactive)',
		'General PVID: 1',
	);
	t.deepEqual(stateOf(lists), { native: 3, tagged: [10, 23, 24, 25, 2000] });
});

test('a native VLAN that is not allowed is carried or not', t => {
	const lines = fields({ 'Trunking Native Mode VLAN': '7', 'Trunking VLANs Enabled': '8' });
	t.deepEqual(stateOf(lines), { native: null, tagged: [8] });
	t.deepEqual(stateOf(lines, 'gi1/0/1', 'carried always'), { native: 7, tagged: [8] });
});

test('ports in access mode, and what hil does not know', t => {
	t.deepEqual(stateOf(fields({ 'Administrative Mode': 'access', 'Access Mode VLAN': '1 (default)' })), {
		native: 1,
		tagged: [],
	});
	t.regex(String(stateOf(fields({ 'Administrative Mode': 'general' }))), /general/);
	t.regex(String(stateOf(fields({ Switchport: 'disable' }))), /no switchport/);
});

for (const [what, lines] of [
	['another port', fields({ Name: 'gi1/0/2' })],
	['no mode', fields({ 'Administrative Mode': '' })],
	['a list that is none', fields({ 'Trunking VLANs Enabled': '1,two' })],
	['a native VLAN that is none', fields({ 'Trunking Native Mode VLAN': 'some' })],
	['two lists', [...fields({}), 'Trunking VLANs Enabled: 5']],
	['nothing', []],
] as const) {
	test(`${what} is not taken for a port`, t => {
		t.is(stateOf(lines), undefined);
	});
}

test('the administrative state stands in the row of the port', t => {
	const table = [
		'Port     Type         Duplex  Speed  Neg      control  State   Pressure Mode',
		'gi1/0/1  1G-Copper    Full    1000   Enabled  Off      Up      Disabled Auto',
		'Gi1/0/2  1G-Copper    Full    1000   Enabled  Off      Down    Disabled Auto',
		'gi1/0/3  1G-Copper    Full    1000   Enabled  Off      ?       Disabled Auto',
		'gi1/0/4  1G-Copper    Up      1000   Enabled  Off      Down    Disabled Auto',
	];
	t.deepEqual(
		['gi1/0/1', 'gi1/0/2', 'gi1/0/3', 'gi1/0/4', 'gi1/0/11'].map(name => parseIsShut(name, table)),
		[false, true, undefined, undefined, undefined],
	);
});

test('VLANs are the numbers in the first column', t => {
	const table = [
		'Vlan       Name                   Ports                Type     Authorization ',
		'---- ----------------- --------------------------- ------------ ------------- ',
		' 1           1          gi1/0/1-48,Po1-32             other       Required    ',
		'100         100         gi1/0/3                      permanent    Required    ',
		'                        2000',
		'4093   VLAN4093',
	];
	t.deepEqual([...parseVlanTable(table)], [1, 100, 4093]);
});
