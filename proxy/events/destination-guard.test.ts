import type { LookupAddress } from 'node:dns';
import test from 'ava';
import fc from 'fast-check';
import { createDestinationGuard, networkTest } from './destination-guard.ts';

const https = { ports: [443], security: 'https' } as const;

/** What a look-up by the guard's rules gives when the name server says these addresses. */
function lookUp(line: object, answers: readonly string[], host = 'hooks.example'): Promise<string[] | Error> {
	const found = answers.map((address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 }));
	const guard = createDestinationGuard({ CP: [{ ...https, ...line }] }, (_name, _options, done) =>
		done(null, found),
	);
	const { lookup } = guard.permit('CP', `https://${host}/`);
	return new Promise(resolve =>
		lookup(host, { all: true }, (fault, list) =>
			resolve(fault ?? (list as LookupAddress[]).map(({ address }) => address)),
		),
	);
}

test('nothing is allowed that no line of the party allows, and the refusal says which line would', t => {
	const guard = createDestinationGuard({
		CP: [
			{ host: 'hooks.example', ...https },
			{ host: '*.cp.example', ports: [443, 8443], security: 'https' },
			{ networks: ['10.1.0.0/16'], ports: [81], security: 'http' },
		],
	});
	const allowed = (url: string, party = 'CP') => {
		try {
			guard.permit(party, url);
			return true;
		} catch (fault) {
			t.is((fault as { code: string }).code, 'DestinationNotAllowed');
			return false;
		}
	};
	t.true(allowed('https://hooks.example/a?b=c'));
	t.true(allowed('https://HOOKS.example:443/'));
	t.true(allowed('https://a.cp.example:8443/'));
	t.true(allowed('http://10.1.2.3:81/'));
	t.true(allowed('http://167837955:81/x'), 'a number is an address: 10.1.1.3');
	for (const url of [
		'https://hooks.example:444/',
		'http://hooks.example/',
		'https://xhooks.example/',
		'https://cp.example/',
		'https://evilcp.example/',
		'http://10.2.0.1:81/',
		'http://167903491:81/',
		'http://10.1.2.3:8080/',
		'https://[::ffff:10.1.2.3]/',
	])
		t.false(allowed(url), url);
	t.false(allowed('https://hooks.example/', 'HSO'));
	t.throws(() => guard.permit('HSO', 'http://10.0.0.7:8080/'), {
		message:
			/\{networks: \['10\.0\.0\.7\/32'\], security: http, ports: \[8080\]\} under eventService\.destinations\.HSO/,
	});
});

test('a name counts for the addresses that it has at the moment of connecting', async t => {
	t.deepEqual(await lookUp({ host: 'hooks.example' }, ['93.184.216.34', '127.0.0.1', '::1']), [
		'93.184.216.34',
	]);
	for (const inside of [
		'127.0.0.1',
		'10.0.0.1',
		'169.254.169.254',
		'::1',
		'fe80::1',
		'::ffff:10.0.0.1',
		'64:ff9b::a00:1',
	])
		t.true((await lookUp({ host: 'hooks.example' }, [inside])) instanceof Error, inside);
	const networks = ['10.1.0.0/16', 'fd00:1::/32'];
	t.deepEqual(await lookUp({ networks }, ['10.1.0.1', '10.2.0.1', 'fd00:1::5', '93.184.216.34']), [
		'10.1.0.1',
		'fd00:1::5',
	]);
	t.true((await lookUp({ networks }, [])) instanceof Error);
});

test('property: an address is inside a network when its leading bits are', t => {
	const bytes = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255));
	const number = (parts: readonly number[]) => parts.reduce((sum, part) => sum * 256 + part, 0);
	fc.assert(
		fc.property(bytes, bytes, fc.nat(32), fc.boolean(), (address, base, bits, isMapped) => {
			const expected =
				Math.floor(number(address) / 2 ** (32 - bits)) === Math.floor(number(base) / 2 ** (32 - bits));
			const text = address.join('.');
			return networkTest([`${base.join('.')}/${bits}`])(isMapped ? `::ffff:${text}` : text) === expected;
		}),
	);
	for (const wrong of ['10.0.0.0', '10.0.0.0/33', 'x/8', '::/129', '/8'])
		t.throws(() => networkTest([wrong]));
	t.false(networkTest(['0.0.0.0/0'])('not an address'));
});
