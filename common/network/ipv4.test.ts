import test from 'ava';
import { ipv4Interface, ipv4Number, ipv4Text } from './ipv4.ts';

test('addresses are read and written back; nothing else is one', t => {
	for (const text of ['0.0.0.0', '10.64.0.1', '255.255.255.255']) {
		t.is(ipv4Text(ipv4Number(text) ?? -1), text);
	}
	for (const text of ['10.64.0', '10.64.0.256', '010.64.0.1', '10.64.0.1 ', '', 'a.b.c.d']) {
		t.is(ipv4Number(text), undefined, text);
	}
});

test('an interface knows its network', t => {
	const found = ipv4Interface('10.64.3.9/22');
	t.is(found && ipv4Text(found.network.first), '10.64.0.0');
	t.is(found && ipv4Text(found.network.last), '10.64.3.255');
	for (const text of ['10.64.0.0/24', '10.64.0.255/24', '10.64.0.1', '10.64.0.1/31', '10.64.0.1/8']) {
		t.is(ipv4Interface(text), undefined, text);
	}
});
