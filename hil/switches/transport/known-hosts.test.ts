import test from 'ava';
import { parseKnownHosts } from './known-hosts.ts';

// Two keys of ssh-keygen's, their fingerprints (`ssh-keygen -lf`), and the names as `ssh-keygen -H` hashes them.
const one = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGTyKpAy/Yk1UT5BZ1QIaUic8cmr5ff0Q6QjnljU/Kbq';
const oneIs = 'SHA256:h7yF7gI6Db/JmfLmbzOiiO5kr3wd+f0IyJAgoy1RkZQ';
const two =
	'ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBGbKsrvrQaaZXOy1ectVqo4Uzzg3jrDmEqFVKl/Pgb3NBXLKcwxGrHzdoGW5JLSez4A0kRizWHgCnbTSK4Wun74=';
const twoIs = 'SHA256:z2MoKnZ0OKdBrAVbklTgNDcp0UWZWq6y1h62Y931OPg';
const hashed = {
	tor: '|1|txwP+9LU8kxpVTUwtnz4rHfMqAc=|f2//ntBa/Y3KEThCdRNDu4CKwqg=',
	address: '|1|HZwqzt9wmwLnrSf/4N9VlL42W1Y=|V+TBQPSqwrG8XBUmDFd0Mok4In0=',
	torAt2022: '|1|BHYc2V592KclTlHsvY84V50NvCU=|RFiauKjHYoOMr43KLoMrxuD/83g=',
};

test('a host is known by its names, and at another port by name and port', t => {
	const known = parseKnownHosts(
		`# the rack\r\ntor.example,10.0.0.1 ${one} of the console\n\n[tor.example]:2022 ${two}\n`,
	);
	t.deepEqual(known('tor.example', 22), [oneIs]);
	t.deepEqual(known('TOR.example', 22), [oneIs]);
	t.deepEqual(known('10.0.0.1', 22), [oneIs]);
	t.deepEqual(known('tor.example', 2022), [twoIs]);
	t.deepEqual(known('tor.example', 2023), []);
	t.deepEqual(known('example', 22), []);
	t.deepEqual(known('torxexample', 22), [], 'a dot is a dot');
});

test('hashed names are found', t => {
	const known = parseKnownHosts(`${hashed.tor} ${one}\n${hashed.address} ${one}\n${hashed.torAt2022} ${two}`);
	t.deepEqual(known('tor.example', 22), [oneIs]);
	t.deepEqual(known('10.0.0.1', 22), [oneIs]);
	t.deepEqual(known('tor.example', 2022), [twoIs]);
	t.deepEqual(known('other.example', 22), []);
});

test('patterns, several keys, and names that are left out of a pattern', t => {
	const known = parseKnownHosts(`*.example,!bad.example ${one}\ntor?.example ${two}`);
	t.deepEqual(known('tor1.example', 22), [oneIs, twoIs]);
	t.deepEqual(known('tor.example', 22), [oneIs]);
	t.deepEqual(known('bad.example', 22), []);
	t.deepEqual(known('tor1.example', 2022), []);
});

test('a revoked key is not taken, wherever else it stands; an authority is none of a host', t => {
	const known = parseKnownHosts(`tor.example ${one}\n@revoked * ${one}\ntor.example ${two}`);
	t.deepEqual(known('tor.example', 22), [twoIs]);
	t.deepEqual(parseKnownHosts(`@cert-authority *.example ${one}`)('tor.example', 22), []);
});

test('nothing is known by an empty file', t => {
	t.deepEqual(parseKnownHosts('')('tor.example', 22), []);
});

for (const [what, line, says] of [
	['no key', 'tor.example ssh-ed25519', /line 2 .*NAMES TYPE KEY/],
	['no base64', 'tor.example ssh-ed25519 &&&&', /line 2 .*base64/],
	['another type than the key has', `tor.example ${one.replace('ed25519', 'rsa')}`, /line 2 .*type ssh-rsa/],
	['half a key', 'tor.example ssh-ed25519 AAAA', /line 2 .*type/],
	['an unknown marker', `@revokd * ${one}`, /line 2 .*@revokd/],
	['a broken hash', `|1|abc ${one}`, /line 2 .*SALT/],
] as const) {
	test(`a line with ${what} is not passed over`, t => {
		t.throws(() => parseKnownHosts(`# first\n${line}`), { message: says });
	});
}
