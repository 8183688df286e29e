import { randomBytes } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { createNonces } from './nonces.ts';
import { pushTargets } from './push-targets.ts';

const keys = { registration: 'r', nodeKey: 'AAAA' };
const asked = { admission: 'a', node: 'n1', keys, until: 1, after: null };

test('a nonce is read by who has its key, and as it was made', t => {
	const nonces = createNonces(Buffer.alloc(32, 1), randomBytes);
	const [one, other] = [nonces.make(asked), nonces.make(asked)];
	t.notDeepEqual(one.nonce, other.nonce);
	t.like(nonces.read(one.token), { asked, nonce: one.nonce });
	t.is(createNonces(Buffer.alloc(32, 2), randomBytes).read(one.token), undefined);
	for (let at = 0; at < one.token.length; at++) {
		const changed = one.token.slice(0, at) + (one.token[at] === 'A' ? 'B' : 'A') + one.token.slice(at + 1);
		const read = nonces.read(changed);
		// The last character of base64 has bits that say nothing.
		if (read) t.is(at, one.token.length - 1);
	}
	fc.assert(fc.property(fc.string({ maxLength: 60 }), text => nonces.read(text) === undefined));
});

test('a verifier pushes where its site says, and nowhere else', t => {
	const may = pushTargets(['10.64.0.0/16', 'web.lab', '10.0.0.7:8080']);
	for (const url of [
		'http://10.64.3.2/x',
		'https://10.64.255.255:1/',
		'https://web.lab:9/',
		'http://10.0.0.7:8080/',
	])
		t.true(may(url), url);
	for (const url of [
		'http://10.65.0.1/',
		'http://10.0.0.7/',
		'http://web.lab.evil/',
		'http://u:p@web.lab/',
		'http://[::1]/',
		'http://0x0a400001.evil/',
		'ftp://web.lab/',
	])
		t.false(may(url), url);
	t.false(pushTargets([])('http://127.0.0.1/'));
});
