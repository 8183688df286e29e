import { X509Certificate } from 'node:crypto';
import test from 'ava';
import { systemClock as clock } from '../clock.ts';
import { alternativeNameOf, commonNameOf, fingerprintOf, isForClients } from './client-certificate.ts';
import { createAuthority, issueOperatorCertificate, issueServerCertificate } from './site-ca.ts';

const authority = await createAuthority({ name: 'HSO', clock });
const operator = await issueOperatorCertificate({
	partyAuthority: authority,
	operator: { name: 'ann', party: 'HSO' },
	clock,
});
const server = await issueServerCertificate({ authority, names: ['a.example', 'b.example'], clock });
const read = ({ certificatePem }: { certificatePem: string }) => new X509Certificate(certificatePem);

test("a client's certificate: its purpose, names and fingerprint", t => {
	t.deepEqual([operator, server, authority].map(read).map(isForClients), [true, false, false]);
	t.is(commonNameOf(read(operator)), 'ann');
	t.is(fingerprintOf(read(operator)), operator.fingerprint);
	t.is(alternativeNameOf(read(operator), 'URI'), 'bimetal:operator:ann');
	t.is(alternativeNameOf(read(operator), 'email'), undefined);
});

test('an alternative name counts when it is the only one of its kind and cannot be read otherwise', t => {
	const emailOf = (subjectAltName: string | undefined) => alternativeNameOf({ subjectAltName }, 'email');
	t.is(emailOf('email:ann@x.example'), 'ann@x.example');
	t.is(emailOf('URI:urn:a, email:ann@x.example, DNS:x'), 'ann@x.example');
	t.is(emailOf('DNS:x, IP Address:10.0.0.1, email:ann@x.example'), 'ann@x.example');
	t.is(emailOf('URI:"urn:a, email:root@x.example", email:ann@x.example'), 'ann@x.example');
	for (const none of [
		undefined,
		'',
		'DNS:x',
		'email:',
		'email:ann@x.example, email:bob@x.example',
		'URI:"urn:a, email:root@x.example"',
		'email:"ann, or another"',
		'email:ann@x.example, "',
		'email:ann@x.example,email:bob@x.example',
		'email:ann @x.example',
		'email:änn@x.example',
		'xemail:ann@x.example',
	]) {
		t.is(emailOf(none), undefined, none);
	}
});
