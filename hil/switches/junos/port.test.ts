// What stands on a port besides what hil puts there: read for what it is, put right where that is plain, refused where not.
import test from 'ava';
import fc from 'fast-check';
import type { PortState } from '../../core/actions.ts';
import { parseXml } from '../netconf/xml.ts';
import { configured, createJunosBench, switched, thePort } from './driver.fixture.ts';
import { portStateOf } from './port-configuration.ts';
import { isPortName, junosSettings } from './settings.ts';

const nothing: PortState = { native: null, tagged: [] };
const ten: PortState = { native: 10, tagged: [] };
const trunk: PortState = { native: 10, tagged: [20] };
const mode = (name: string, ...members: (string | number)[]): string =>
	`<interface-mode>${name}</interface-mode><vlan>${members.map(each => `<members>${each}</members>`).join('')}</vlan>`;
const lent =
	'<vlans><vlan><name>ten</name><vlan-id>10</vlan-id><interface><name>ge-0/0/1.0</name></interface></vlan></vlans>';
const bare = (inside: string): string => `<interface><name>${thePort}</name>${inside}</interface>`;

for (const [what, configuration, state] of [
	['no statement about the port', configured(''), nothing],
	['a port without a unit', configured(bare('<description>node 1</description>')), nothing],
	['a unit without a family', configured(bare('<unit><name>0</name></unit>')), nothing],
	[
		'a port that is disabled, with all that it has',
		configured(switched(mode('access', 10), '<disable/>')),
		nothing,
	],
	['a port of the default VLAN', configured(switched('')), { native: 1, tagged: [] }],
	['a VLAN by its number', configured(switched(mode('access', 10))), ten],
	['a VLAN by its name', configured(switched('<vlan><members>ten</members></vlan>')), ten],
	[
		'VLANs by name, number and range',
		configured(switched(mode('trunk', 'ten', 20, '31-33'))),
		{ native: null, tagged: [10, 20, 31, 32, 33] },
	],
	[
		'all VLANs',
		configured(switched(mode('trunk', 'all'))),
		{ native: null, tagged: [1, 10, 20, ...range(30, 39)] },
	],
	[
		'a VLAN of many numbers',
		configured(switched(mode('trunk', 'many'))),
		{ native: null, tagged: range(30, 39) },
	],
	[
		'a native VLAN',
		configured(switched(mode('trunk', 10, 20), '<native-vlan-id>10</native-vlan-id>')),
		trunk,
	],
	[
		'a native VLAN and no other',
		configured(switched(mode('trunk', 10), '<native-vlan-id>10</native-vlan-id>')),
		ten,
	],
	['a trunk without VLANs', configured(switched(mode('trunk'))), nothing],
	['a VLAN that takes the port in', `${lent}<interfaces>${switched('')}</interfaces>`, ten],
	[
		'a port that was deactivated',
		configured(switched(mode('access', 10)).replace('<interface>', '<interface inactive="inactive">')),
		nothing,
	],
	[
		'a port whose disabling was deactivated',
		configured(switched(mode('access', 10), '<disable inactive="inactive"/>')),
		ten,
	],
	[
		'what a range of interfaces says',
		configured(
			`<interface-range><name>nodes</name><member><name>${thePort}</name></member><unit><name>0</name><family>
				<ethernet-switching>${mode('access', 10)}</ethernet-switching></family></unit></interface-range>`,
		),
		ten,
	],
	[
		'what a group adds',
		configured(
			switched(mode('trunk', 20)),
			`<groups><name>g</name><interfaces><interface><name>&lt;ge-*&gt;</name><unit><name>&lt;*&gt;</name><family>
				<ethernet-switching><vlan><members>10</members></vlan></ethernet-switching></family></unit></interface></interfaces>
				</groups><apply-groups>g</apply-groups>`,
		),
		{ native: null, tagged: [10, 20] },
	],
] as const) {
	test(`read: ${what}`, async t => {
		const bench = await createJunosBench(t, { configuration });
		t.deepEqual(await bench.read(), state);
	});
}

function range(from: number, to: number): number[] {
	return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

for (const [what, interfaces, words] of [
	['a routed port', bare('<unit><name>0</name><family><inet/></family></unit>'), /family inet/],
	['another unit', bare('<vlan-tagging/><unit><name>7</name><vlan-id>7</vlan-id></unit>'), /'vlan-tagging'/],
	[
		'a part of an aggregated interface',
		bare('<ether-options><ieee-802.3ad><bundle>ae0</bundle></ieee-802.3ad></ether-options>'),
		/part of an aggregated interface/,
	],
	['an encapsulation', bare('<encapsulation>ethernet-bridge</encapsulation>'), /'encapsulation'/],
	[
		'a native VLAN that is no member',
		switched(mode('trunk', 20), '<native-vlan-id>10</native-vlan-id>'),
		/native-vlan-id 10/,
	],
	[
		'the native VLAN 0',
		switched(mode('trunk', 20), '<native-vlan-id>0</native-vlan-id>'),
		/native-vlan-id 0/,
	],
] as const) {
	test(`refused, and left as it is: ${what}; but it can be shut`, async t => {
		const bench = await createJunosBench(t, { configuration: configured(interfaces) });
		const was = JSON.stringify(bench.simulator.device.running);
		const refused = await t.throwsAsync(bench.read());
		t.is((refused as { code?: string } | undefined)?.code, 'SwitchRefused');
		t.regex(refused?.message ?? '', words);
		t.is(((await t.throwsAsync(bench.set(ten))) as { code?: string } | undefined)?.code, 'SwitchRefused');
		t.is(JSON.stringify(bench.simulator.device.running), was);
		t.true(bench.isClean());
		await bench.set(nothing);
		t.deepEqual(await bench.read(), nothing);
		t.deepEqual(bench.carried(), []);
	});
}

const inherited = {
	'a range of interfaces': configured(
		`<interface-range><name>nodes</name><member><name>${thePort}</name></member><unit><name>0</name><family>
			<ethernet-switching>${mode('trunk', 20)}</ethernet-switching></family></unit></interface-range>`,
	),
	'a group': configured(
		'',
		`<groups><name>g</name><interfaces><interface><name>&lt;ge-*&gt;</name><unit><name>&lt;*&gt;</name><family>
			<ethernet-switching><vlan><members>20</members></vlan></ethernet-switching></family></unit></interface></interfaces>
			</groups><apply-groups>g</apply-groups>`,
	),
};
for (const [what, configuration] of Object.entries(inherited)) {
	test(`a VLAN that the port has by ${what} is not committed with what hil wants; a port of nothing is shut all the same`, async t => {
		const bench = await createJunosBench(t, { configuration });
		const refused = await t.throwsAsync(bench.set({ native: null, tagged: [10] }));
		t.regex(refused?.message ?? '', /port ge-0\/0\/1 would carry tagged 10 and 20 instead of tagged 10/);
		t.is(bench.simulator.device.commits, 0);
		t.true(bench.isClean());
		await bench.set(nothing);
		t.deepEqual(bench.carried(), []);
		t.deepEqual(await bench.read(), nothing);
	});
}

for (const [what, configuration] of [
	['VLANs by name and range', configured(switched(mode('trunk', 'ten', '31-33')))],
	['a VLAN that takes the port in', `${lent}<interfaces>${switched('')}</interfaces>`],
	[
		'a deactivated interface',
		configured(switched(mode('access', 20)).replace('<interface>', '<interface inactive="inactive">')),
	],
	['a deactivated `disable`', configured(bare('<disable inactive="inactive"/>'))],
	[
		'a deactivated native VLAN',
		configured(switched(mode('trunk', 20), '<native-vlan-id inactive="inactive">20</native-vlan-id>')),
	],
	[
		'a description and a size of frames',
		configured(switched('', '<description>rack 3</description><mtu>9216</mtu>')),
	],
] as const) {
	test(`put right: ${what}`, async t => {
		const bench = await createJunosBench(t, { configuration });
		for (const wanted of [trunk, ten, nothing, { native: null, tagged: [20, 30] }, nothing]) {
			await bench.set(wanted);
			t.deepEqual(await bench.read(), wanted);
			const { native, tagged } = wanted;
			const vlans = [...(native === null ? [] : [native]), ...tagged];
			t.deepEqual(
				bench.carried(),
				vlans.map(vlan => `${vlan}${vlan === native ? '' : 't'}`),
			);
		}
		const text = JSON.stringify(bench.simulator.device.running);
		t.is(text.includes('rack 3') && text.includes('9216'), what.includes('description'), 'kept');
	});
}

test('VLANs that are missing are defined; those that are there keep their names', async t => {
	const bench = await createJunosBench(t, { configuration: configured('') });
	await bench.set({ native: 10, tagged: [33, 77] });
	const names = [...bench.simulator.device.running].flatMap(({ children }) =>
		children.map(({ value }) => value),
	);
	t.deepEqual(
		names.filter(name => name.startsWith('hil-')),
		['hil-77'],
	);
	t.deepEqual(bench.carried(), ['10', '33t', '77t']);
});

test('a VLAN is not given another number', async t => {
	const taken = '<vlans><vlan><name>hil-77</name><vlan-id>78</vlan-id></vlan></vlans>';
	const bench = await createJunosBench(t, { configuration: taken });
	const refused = await t.throwsAsync(bench.set({ native: 77, tagged: [] }));
	t.regex(refused?.message ?? '', /a VLAN called hil-77 with another number/);
	t.true(bench.isClean());
	t.is(bench.simulator.device.commits, 0);
});

test('a port of nothing passes nothing, whatever is undone of it by hand', async t => {
	const bench = await createJunosBench(t);
	await bench.set(trunk);
	await bench.set(nothing);
	const { device } = bench.simulator;
	const by = device.open('operator');
	const enable = parseXml(`<c><interfaces>${bare('<disable operation="delete"/>')}</interfaces></c>`);
	device.edit(by, enable.children);
	device.commit(by);
	t.deepEqual(bench.carried(), [], 'it has no unit');
});

test('whatever stands on a port, what is read is what the switch does, or refused', t => {
	const aMember = fc.constantFrom('10', '20', '30-32', 'ten', 'all', 'missing', '0', '99');
	const aPort = fc
		.record({
			mode: fc.constantFrom('', 'access', 'trunk'),
			members: fc.uniqueArray(aMember, { maxLength: 3 }),
			native: fc.constantFrom('', '10', '20', '0'),
			beside: fc.constantFrom('', '<disable/>', '<description>x</description>', '<wings/>'),
		})
		.map(({ mode: name, members, native, beside }) =>
			configured(
				switched(
					(name && `<interface-mode>${name}</interface-mode>`) +
						`<vlan>${members.map(each => `<members>${each}</members>`).join('')}</vlan>`,
					beside + (native && `<native-vlan-id>${native}</native-vlan-id>`),
				),
			),
		);
	fc.assert(
		fc.property(aPort, configuration => {
			const state = portStateOf(parseXml(`<configuration>${configuration}</configuration>`), thePort);
			if (typeof state === 'string') return t.true(state.length > 0);
			t.true(state.native === null || !state.tagged.includes(state.native));
			t.true([...state.tagged, state.native ?? 1].every(vlan => vlan >= 1 && vlan <= 4094));
			if (configuration.includes('<disable/>')) t.deepEqual(state, nothing);
			else t.false(configuration.includes('<wings/>'), 'what is not understood is never taken for harmless');
		}),
		{ numRuns: 500 },
	);
});

test('names of ports, and settings', t => {
	for (const name of ['ge-0/0/1', 'xe-0/1/0', 'et-0/0/48:1', 'mge-1/0/47', 'ae0'])
		t.true(isPortName(name), name);
	for (const name of [
		'',
		'ge-0/0/1.0',
		'ge0/0/1',
		'irb',
		'vme',
		'ge-0/0/1 ',
		'ge-0/0/<*>',
		'em0',
		'ge-0/0',
		'lo0',
	])
		t.false(isPortName(name), name);
	const fits = (settings: object): boolean => junosSettings.safeParse(settings).success;
	t.true(fits({ hostname: 'tor.example', username: 'hil', password: 'p' }));
	t.true(fits({ hostname: '[fd00::1]:22', username: 'hil', private_key: 'k' }));
	t.false(fits({ hostname: 'tor.example', username: 'hil' }), 'nothing to log in with');
	t.false(fits({ hostname: 'tor example', username: 'hil', password: 'p' }));
	t.false(fits({ hostname: 'tor', username: 'hil', password: 'p', port: 830 }));
});
