import test from 'ava';
import { bootScript } from './boot-script.ts';

const target = {
	portals: ['10.64.0.1:3260', '10.64.0.2:3261'],
	iqn: 'iqn.2026-11.test:disk.1',
	initiator: 'iqn.2026-11.test:node.n1',
	chap: { username: 'n1', password: 'secret' },
};

test('all portals are tried, again and again', t => {
	const script = bootScript({ target, hostname: 'n1' });
	t.regex(script, /^#!ipxe\n/);
	t.regex(script, /set username n1\nset password secret\n/);
	t.true(
		script.includes(
			'sanboot iscsi:10.64.0.1::3260:1:iqn.2026-11.test:disk.1 iscsi:10.64.0.2::3261:1:iqn.2026-11.test:disk.1 ||',
		),
	);
});

test('nothing gets into a script that iPXE would carry out', t => {
	for (const evil of ['a b', 'a\nshell', '$' + '{net0/mac}', 'a||shell', 'a;b', '#']) {
		t.throws(() => bootScript({ target, hostname: evil }), { code: 'NameRefused' }, evil);
		const chap = { username: 'n1', password: evil };
		t.throws(() => bootScript({ target: { ...target, chap }, hostname: 'n' }), { code: 'NameRefused' }, evil);
	}
});
