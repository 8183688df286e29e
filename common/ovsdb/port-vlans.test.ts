import test from 'ava';
import fc from 'fast-check';
import { columnsOf, type PortColumns, type PortVlans, vlansOf } from './port-vlans.ts';

/** The members of an OVSDB set, as a reader of the database has them. */
const membersOf = (set: unknown): readonly number[] => (set as readonly ['set', readonly number[]])[1];

const aVlan = fc.integer({ min: 1, max: 4094 });

test('what columns are made of is what they say', t => {
	const aPort: fc.Arbitrary<PortVlans> = fc
		.tuple(fc.option(aVlan), fc.uniqueArray(aVlan, { maxLength: 5 }))
		.map(([untagged, tagged]) => ({
			untagged,
			tagged: tagged.filter(vlan => vlan !== untagged).sort((a, b) => a - b),
		}))
		.filter(({ untagged, tagged }) => untagged !== null || tagged.length > 0);
	fc.assert(
		fc.property(aPort, vlans => {
			const made = columnsOf(vlans) as { tag: unknown; trunks: unknown; vlan_mode: string };
			const columns: PortColumns = {
				tag: typeof made.tag === 'number' ? made.tag : undefined,
				trunks: membersOf(made.trunks),
				vlan_mode: made.vlan_mode,
			};
			t.deepEqual(vlansOf(columns), vlans);
		}),
	);
});

test('what others set is told as what it does', t => {
	const port = (columns: Partial<PortColumns>) =>
		vlansOf({ tag: undefined, trunks: [], vlan_mode: undefined, ...columns });
	const all = port({});
	t.is(all.untagged, 0);
	t.is(all.tagged.length, 4095);
	t.deepEqual(port({ tag: 5 }), { untagged: 5, tagged: [] });
	// A tag alone is an access port, whatever its trunks say.
	t.deepEqual(port({ tag: 5, trunks: [6] }), { untagged: 5, tagged: [] });
	t.deepEqual(port({ trunks: [6, 0, 6] }), { untagged: 0, tagged: [6] });
	t.deepEqual(port({ vlan_mode: 'access' }), { untagged: 0, tagged: [] });
	t.deepEqual(port({ vlan_mode: 'trunk', tag: 5, trunks: [6] }), { untagged: null, tagged: [6] });
	t.is(port({ vlan_mode: 'native-untagged', tag: 5 }).tagged.length, 4094);
	t.deepEqual(port({ vlan_mode: 'native-tagged', tag: 5, trunks: [6] }), { untagged: 5, tagged: [5, 6] });
	t.is(port({ vlan_mode: 'dot1q-tunnel', tag: 5, trunks: [6] }).tagged.length, 4095);
	t.deepEqual(port({ vlan_mode: 'of-tomorrow', trunks: [6] }), { untagged: null, tagged: [6] });
});
