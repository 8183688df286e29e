import test from 'ava';
import { parseXml } from '../netconf/xml.ts';
import { hardwareVlans } from './hardware-state.ts';

const row = (name: string, id = ''): string =>
	`<l2ng-l2ald-iff-interface-entry style="brief"><l2iff-interface-name>${name}</l2iff-interface-name>${
		id && `<l2iff-interface-vlan-id>${id}</l2iff-interface-vlan-id>`
	}<l2iff-interface-flags></l2iff-interface-flags></l2ng-l2ald-iff-interface-entry>`;
const table = (...rows: string[]): string =>
	`<r><l2ng-l2ald-iff-interface-information xmlns="http://xml.juniper.net/junos/24.4R0/junos-l2al">
		<l2ng-l2ald-iff-interface-entry><l2iff-interface-lr-name/><l2iff-interface-rtt-name>default-switch</l2iff-interface-rtt-name>
		${rows.join('\n')}</l2ng-l2ald-iff-interface-entry></l2ng-l2ald-iff-interface-information></r>`;
const seen = (text: string) => hardwareVlans(parseXml(text), 'ge-0/0/1');

test("a port's VLANs are those of the rows behind its own, up to the next port", t => {
	const rows = [
		row('ge-0/0/0.0'),
		row('', '7'),
		row('ge-0/0/1.0'),
		row('', '10'),
		row('', '20'),
		row('ge-0/0/10.0'),
		row('', '8'),
	];
	t.deepEqual(seen(table(...rows)), new Set([10, 20]));
	t.deepEqual(
		seen(table(row('ge-0/0/1.0', '10'), row('ge-0/0/1.0', '20'))),
		new Set([10, 20]),
		'the name in each row',
	);
	t.deepEqual(seen(table(row('ge-0/0/1.0'))), new Set(), 'it is there, and has none');
});

test('a port that is not shown is not known; a reply that shows something else is refused', t => {
	t.is(seen(table()), undefined);
	t.is(seen(table(row('ge-0/0/11.0'), row('', '10'))), undefined);
	t.regex(String(seen('<r><switching-interface-information/></r>')), /no Enhanced Layer 2 Software/);
	t.regex(String(seen('<r><output>nothing here</output></r>')), /does not show/);
	for (const id of ['0', '4095', 'none', '10 20']) {
		t.regex(String(seen(table(row('ge-0/0/1.0'), row('', id)))), /shows the VLAN/, id);
	}
});
