import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createSecureContext, createServer } from 'node:tls';
import test from 'ava';
import { systemClock as clock, FakeClock } from '../clock.ts';
import {
	belongTogether,
	createAuthority,
	exportPkcs12,
	issueOperatorCertificate,
	issueServerCertificate,
} from './site-ca.ts';

const site = await createAuthority({ name: 'Site', clock });
const other = await createAuthority({ name: 'Site', clock });
const parse = (identity: { certificatePem: string }) => new X509Certificate(identity.certificatePem);

test('an authority signs itself and may sign others', t => {
	const root = parse(site);
	t.true(root.ca);
	t.true(root.checkIssued(root));
	t.true(root.verify(root.publicKey));
	t.true(belongTogether(site));
	t.false(belongTogether({ ...site, keyPem: other.keyPem }));
});

test("a server certificate is the authority's, for its names and addresses, and for nothing more", async t => {
	const options = {
		authority: site,
		names: ['node1', 'node1.rack.test'],
		addresses: ['127.0.0.1', '::1'],
		clock,
	};
	const identity = await issueServerCertificate(options);
	const certificate = parse(identity);
	t.true(certificate.checkIssued(parse(site)));
	t.true(certificate.verify(parse(site).publicKey));
	t.false(certificate.verify(parse(other).publicKey), 'the same name is not the same authority');
	t.false(certificate.ca);
	t.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1']);
	t.truthy(certificate.checkHost('node1.rack.test'));
	t.is(certificate.checkHost('node2'), undefined);
	t.truthy(certificate.checkIP('127.0.0.1'));
	t.truthy(certificate.checkIP('::1'));
	t.is(certificate.checkIP('127.0.0.2'), undefined);
	t.true(belongTogether(identity));
});

test('a real TLS client that trusts the authority connects, one that trusts another does not', async t => {
	const identity = await issueServerCertificate({ authority: site, names: ['node1'], clock });
	const server = createServer({ cert: identity.certificatePem, key: identity.keyPem, minVersion: 'TLSv1.3' });
	server.on('tlsClientError', () => undefined);
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	const { port } = server.address() as AddressInfo;
	const dial = async (ca: string, servername: string) => {
		const socket = connect({ port, host: '127.0.0.1', ca, servername });
		try {
			await once(socket, 'secureConnect');
			return 'connected';
		} catch (error) {
			return (error as NodeJS.ErrnoException).code;
		} finally {
			socket.destroy();
		}
	};
	t.is(await dial(site.certificatePem, 'node1'), 'connected');
	t.is(await dial(site.certificatePem, 'node2'), 'ERR_TLS_CERT_ALTNAME_INVALID');
	t.not(await dial(other.certificatePem, 'node1'), 'connected');
	server.close();
});

test('validity starts a day early, lasts as asked and never beyond the authority', async t => {
	const start = Date.parse('2030-01-01T00:00:00Z');
	const day = 86_400_000;
	const authority = await createAuthority({ name: 'A', clock: new FakeClock(start) });
	const issue = async (days: number) =>
		parse(await issueServerCertificate({ authority, names: ['a'], days, clock: new FakeClock(start) }));
	const short = await issue(10);
	t.is(Date.parse(short.validFrom), start - day);
	t.is(Date.parse(short.validTo), start + 10 * day);
	t.is(Date.parse((await issue(100_000)).validTo), Date.parse(parse(authority).validTo));
});

test('serial numbers are long and never the same', async t => {
	const issued = await Promise.all(
		[1, 2, 3].map(() => issueServerCertificate({ authority: site, names: ['a'], clock })),
	);
	const serials = issued.map(identity => parse(identity).serialNumber);
	t.is(new Set(serials).size, 3);
	for (const serial of serials) t.regex(serial, /^[4-7][0-9A-F]{39}$/);
});

test("an operator's certificate names it, is for clients, and has the fingerprint that is told", async t => {
	const operator = { name: 'hso-operator', party: 'HSO' };
	const identity = await issueOperatorCertificate({ partyAuthority: site, operator, clock });
	const certificate = parse(identity);
	t.is(certificate.subject, 'O=HSO\nCN=hso-operator');
	t.is(certificate.subjectAltName, 'URI:bimetal:operator:hso-operator');
	t.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.2']);
	t.is(certificate.fingerprint256.replaceAll(':', '').toLowerCase(), identity.fingerprint);
});

test('a PKCS#12 file opens with its password only', async t => {
	const operator = { name: 'hso-operator', party: 'HSO' };
	const identity = await issueOperatorCertificate({ partyAuthority: site, operator, clock });
	const pfx = exportPkcs12({
		identity,
		rootPem: site.certificatePem,
		password: 'a secret',
		friendlyName: 'me',
	});
	t.notThrows(() => createSecureContext({ pfx, passphrase: 'a secret' }));
	t.throws(() => createSecureContext({ pfx, passphrase: 'secret' }));
	const options = { identity, rootPem: site.certificatePem, password: 'ä', friendlyName: 'me' };
	t.throws(() => exportPkcs12(options), { code: 'CertificateInvalid' });
});

test('names that are none are refused', async t => {
	const invalid = { code: 'CertificateInvalid' };
	await t.throwsAsync(issueServerCertificate({ authority: site, names: [], clock }), invalid);
	await t.throwsAsync(issueServerCertificate({ authority: site, names: ['a b'], clock }), invalid);
	await t.throwsAsync(
		issueServerCertificate({ authority: site, names: ['a'], addresses: ['1.2.3'], clock }),
		invalid,
	);
	const operator = { name: 'a\nCN=b', party: 'HSO' };
	await t.throwsAsync(issueOperatorCertificate({ partyAuthority: site, operator, clock }), invalid);
});
