import test from 'ava';
import { nos9PortState, parseDefaultVlan, parseNos9Interface, parseNos9Membership } from './nos9-port.ts';

const name = 'GigabitEthernet 1/3';
const shown = (...lines: string[]): string[] => ['!', `interface ${name}`, ' no ip address', ...lines];
/** As HIL's sources quote it of an S3048-ON. */
const table = (...rows: string[]): string[] => [
	'Codes:  U - Untagged, T - Tagged',
	'        v - VLT untagged, V - VLT tagged',
	'',
	`Name: ${name}`,
	'802.1QTagged: Hybrid',
	'Vlan membership:',
	'Q       Vlans',
	...rows,
	'',
	'Native VlanId:    1512.',
];

test('an interface', t => {
	t.deepEqual(parseNos9Interface(name, shown(' portmode hybrid', ' switchport', ' no shutdown')), {
		isShut: false,
		isSwitchport: true,
		isHybrid: true,
		strange: null,
	});
	t.true(parseNos9Interface(name, shown(' mtu 9216', ' spanning-tree rstp edge-port', ' shutdown'))?.isShut);
	t.is(
		parseNos9Interface(name, shown(' port-channel-protocol LACP', ' no shutdown'))?.strange,
		'port-channel-protocol LACP',
	);
});

test('its VLANs, in as many lines as they take', t => {
	t.deepEqual(parseNos9Membership(name, table('U       1512', 'T       1511,1612-1614', '        1700')), {
		native: 1512,
		tagged: [1511, 1612, 1613, 1614, 1700],
		strange: null,
	});
	t.deepEqual(parseNos9Membership(name, table()), { native: null, tagged: [], strange: null });
	t.is(parseNos9Membership(name, table('U 10', 'V 20'))?.strange, 'VLANs of kind V');
});

for (const [what, lines] of [
	['another interface', ['interface GigabitEthernet 1/30', ' shutdown']],
	['two', [...shown(' shutdown'), `interface ${name}`]],
	['one that is neither shut nor not', shown()],
	['one that is both', shown(' shutdown', ' no shutdown')],
	['nothing', []],
] as const) {
	test(`${what} is not taken for the interface`, t => {
		t.is(parseNos9Interface(name, lines), undefined);
	});
}

test('what is no such table is not taken for one', t => {
	t.is(parseNos9Membership('GigabitEthernet 1/4', table('U 10')), undefined);
	t.is(parseNos9Membership(name, [`Name: ${name}`]), undefined);
	t.is(parseNos9Membership(name, table('U 10,11')), undefined);
	t.is(parseNos9Membership(name, table('T 10-5')), undefined);
});

test('what a port carries', t => {
	const port = { isShut: false, isSwitchport: true, isHybrid: true, native: 10, tagged: [11], strange: null };
	t.deepEqual(nos9PortState(port), { native: 10, tagged: [11] });
	t.deepEqual(nos9PortState({ ...port, isSwitchport: false }), { native: null, tagged: [] });
	t.is(typeof nos9PortState({ ...port, tagged: [] }), 'string');
	t.is(typeof nos9PortState({ ...port, strange: 'ip address 10.0.0.1/24' }), 'string');
});

test('the default VLAN is 1 unless it is said', t => {
	t.is(parseDefaultVlan([]), 1);
	t.is(parseDefaultVlan(['default-vlan disable']), 1);
	t.is(parseDefaultVlan([' ip default-network 10.0.0.0', 'default vlan-id 4000']), 4000);
});
