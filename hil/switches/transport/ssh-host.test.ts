import test from 'ava';
import { sshAddress, sshHost } from './ssh-host.ts';

test('hosts with and without a port', t => {
	for (const [text, host, port] of [
		['tor1.example', 'tor1.example', 22],
		['tor1.example:2022', 'tor1.example', 2022],
		['10.0.0.1', '10.0.0.1', 22],
		['fe80::1', 'fe80::1', 22],
		['[fe80::1]:830', 'fe80::1', 830],
		['[::1]', '::1', 22],
	] as const) {
		t.true(sshHost.safeParse(text).success, text);
		t.deepEqual(sshAddress(text), { host, port }, text);
	}
});

test('what is no host is refused', t => {
	for (const text of [
		'',
		'tor 1',
		'tor1:',
		'tor1:0',
		'tor1:70000',
		'-oProxyCommand=x',
		'ssh://tor1',
		'a@tor1',
		'[tor1',
	])
		t.false(sshHost.safeParse(text).success, text);
});
