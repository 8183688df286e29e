import test from 'ava';
import { isPublicAddress, publicLookup, refuseOwnAddress } from './public-addresses.ts';

test('loopback, private, link-local, reserved and translated addresses are not public', t => {
	const own = [
		...['127.0.0.1', '127.9.9.9', '0.0.0.0', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1'],
		...['169.254.169.254', '100.64.0.1', '198.18.0.1', '224.0.0.1', '255.255.255.255', '192.0.2.7'],
		...['::1', '::', 'fe80::1', 'fd00::1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '64:ff9b::7f00:1'],
		...['2002:7f00:1::', '2001:db8::1', '2001::1', 'ff02::1', 'fec0::1', 'not an address', ''],
	];
	for (const address of own) t.false(isPublicAddress(address), address);
	for (const address of ['8.8.8.8', '172.32.0.1', '151.101.2.132', '2a04:4e42::644', '2620:fe::9'])
		t.true(isPublicAddress(address), address);
});

test('a host that is an address is refused as such; a name is not looked at here', t => {
	t.throws(() => refuseOwnAddress('127.0.0.1'), { code: 'SourceRefused' });
	t.throws(() => refuseOwnAddress('[::1]'), { code: 'SourceRefused' });
	t.notThrows(() => refuseOwnAddress('images.example'));
});

const looked = (addresses: { address: string; family: number }[], all: boolean) =>
	new Promise((resolve, reject) => {
		const lookup = publicLookup((_host, _options, tell) => tell(null, addresses));
		lookup('some.name', { all }, (fault, found) => (fault ? reject(fault) : resolve(found)));
	});

test('a name is refused when one of its addresses is of our own networks', async t => {
	const good = { address: '8.8.8.8', family: 4 };
	const bad = { address: '10.0.0.1', family: 4 };
	t.is(await looked([good], false), '8.8.8.8');
	t.deepEqual(await looked([good], true), [good]);
	await t.throwsAsync(looked([good, bad], true), { code: 'SourceRefused' });
	await t.throwsAsync(looked([bad], false), { code: 'SourceRefused' });
	await t.throwsAsync(looked([], true), { code: 'SourceRefused' });
});
