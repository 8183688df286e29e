import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import test from 'ava';
import { FakeClock, systemClock } from '../../common/clock.ts';
import {
	createAuthority,
	type Identity,
	issueOperatorCertificate,
	issueServerCertificate,
} from '../../common/identity/site-ca.ts';
import { type CertificateVerdict, createCertificateCheck } from './certificate.ts';
import { createRoster, type OperatorEntry } from './roster.ts';

const clock = systemClock;
const [site, hso, cp, stranger] = (await Promise.all(
	['Site', 'HSO', 'CP', 'CP'].map(name => createAuthority({ name, clock })),
)) as [Identity, Identity, Identity, Identity];
const server = await issueServerCertificate({ authority: site, names: ['proxy'], clock });
const operatorOf = (partyAuthority: Identity, name: string, at: { clock?: FakeClock; days?: number } = {}) =>
	issueOperatorCertificate({ partyAuthority, operator: { name, party: 'HSO' }, clock, ...at });

const entries: OperatorEntry[] = [
	{ name: 'hso-operator', party: 'HSO' },
	{ name: 'cp-operator', party: 'CP' },
];
const parties = [
	{ name: 'HSO', rootPem: hso.certificatePem },
	{ name: 'CP', rootPem: cp.certificatePem },
];

function setUp(operators = entries) {
	const hands = new FakeClock(Date.now());
	const site = { roster: createRoster(operators, ['HSO', 'CP']) };
	return { hands, site, check: createCertificateCheck({ clock: hands, roster: () => site.roster, parties }) };
}

/** What `look` says of the server's end of a real TLS connection that the client opens with `identity`. */
async function overTls<T>(identity: Identity | undefined, look: (socket: TLSSocket) => T): Promise<T> {
	const listener = createServer({
		cert: server.certificatePem,
		key: server.keyPem,
		ca: parties.map(party => party.rootPem),
		requestCert: true,
		rejectUnauthorized: false,
	});
	listener.listen(0, '127.0.0.1');
	await once(listener, 'listening');
	const client = connect({
		port: (listener.address() as AddressInfo).port,
		host: '127.0.0.1',
		servername: 'proxy',
		ca: site.certificatePem,
		...(identity && { cert: identity.certificatePem, key: identity.keyPem }),
	});
	client.on('error', () => undefined);
	try {
		const [socket] = (await once(listener, 'secureConnection')) as [TLSSocket];
		return look(socket);
	} finally {
		client.destroy();
		listener.close();
	}
}

const told = (verdict: CertificateVerdict) =>
	verdict.kind === 'right'
		? `${verdict.entry.operator.name} of ${verdict.entry.operator.party}`
		: verdict.kind;

test("each party's root speaks for its own operators", async t => {
	const { check } = setUp();
	t.is(told(await overTls(await operatorOf(hso, 'hso-operator'), check)), 'hso-operator of HSO');
	t.is(
		told(await overTls(await operatorOf(cp, 'cp-operator'), check)),
		'cp-operator of CP',
		'whatever its O says',
	);
});

test('no certificate is none, over TLS and without it', async t => {
	const { check } = setUp();
	t.is(told(await overTls(undefined, check)), 'none');
	t.is(told(check({})), 'none');
});

test("a party cannot make a certificate for the other's operator", async t => {
	const { check } = setUp();
	t.is(told(await overTls(await operatorOf(hso, 'cp-operator'), check)), 'wrong');
	t.is(told(await overTls(await operatorOf(cp, 'hso-operator'), check)), 'wrong');
});

test("a root of the same name, the site's own root, and a name that nobody has are refused", async t => {
	const { check } = setUp();
	t.is(told(await overTls(await operatorOf(stranger, 'cp-operator'), check)), 'wrong');
	t.is(told(await overTls(await operatorOf(site, 'cp-operator'), check)), 'wrong');
	t.is(told(await overTls(await operatorOf(cp, 'nobody'), check)), 'wrong');
});

test('an expired certificate is refused, and one that expires while its connection lasts', async t => {
	const past = new FakeClock(Date.now() - 10 * 86_400_000);
	const { check, hands } = setUp();
	t.is(told(await overTls(await operatorOf(hso, 'hso-operator', { clock: past, days: 2 }), check)), 'wrong');
	const verdicts = await overTls(await operatorOf(hso, 'hso-operator', { days: 2 }), socket => {
		const before = told(check(socket));
		hands.advance(3 * 86_400_000);
		return [before, told(check(socket))];
	});
	t.deepEqual(verdicts, ['hso-operator of HSO', 'wrong']);
});

test("a server's certificate is no operator's, nor is the root itself", async t => {
	const { check } = setUp();
	const asServer = await issueServerCertificate({ authority: hso, names: ['hso-operator'], clock });
	t.is(told(await overTls(asServer, check)), 'wrong');
	t.is(told(await overTls(hso, check)), 'wrong');
});

test('a pinned operator uses that certificate and no other', async t => {
	const pinned = await operatorOf(hso, 'hso-operator');
	const { check } = setUp([{ name: 'hso-operator', party: 'HSO', certificate: pinned.fingerprint }]);
	t.is(told(await overTls(pinned, check)), 'hso-operator of HSO');
	t.is(told(await overTls(await operatorOf(hso, 'hso-operator'), check)), 'wrong');
});

test("who leaves the roster loses the connection's rights", async t => {
	const { check, site } = setUp();
	const verdicts = await overTls(await operatorOf(hso, 'hso-operator'), socket => {
		const before = told(check(socket));
		site.roster = createRoster([], []);
		return [before, told(check(socket))];
	});
	t.deepEqual(verdicts, ['hso-operator of HSO', 'wrong']);
});

test('what OpenSSL did not find valid is not, whatever we make of it', async t => {
	const { check } = setUp();
	const verdict = await overTls(await operatorOf(hso, 'hso-operator'), socket => {
		const certificate = socket.getPeerX509Certificate();
		return check({ authorized: false, getPeerX509Certificate: () => certificate });
	});
	t.is(told(verdict), 'wrong');
});

test('a resumed TLS session brings its certificate along', async t => {
	const { check } = setUp();
	const identity = await operatorOf(cp, 'cp-operator');
	const listener = createServer({
		cert: server.certificatePem,
		key: server.keyPem,
		ca: parties.map(party => party.rootPem),
		requestCert: true,
		rejectUnauthorized: false,
	});
	const verdicts: string[] = [];
	listener.on('secureConnection', socket => {
		verdicts.push(`${told(check(socket))}, ${socket.isSessionReused() ? 'resumed' : 'new'}`);
		socket.on('error', () => undefined);
		socket.end('.');
	});
	listener.listen(0, '127.0.0.1');
	await once(listener, 'listening');
	const { port } = listener.address() as AddressInfo;
	let session: Buffer | undefined;
	for (let i = 0; i < 2; i++) {
		const client = connect({
			port,
			host: '127.0.0.1',
			servername: 'proxy',
			ca: site.certificatePem,
			cert: identity.certificatePem,
			key: identity.keyPem,
			...(session && { session }),
		});
		client.on('session', ticket => {
			session = ticket;
		});
		client.resume();
		await once(client, 'close');
	}
	listener.close();
	t.deepEqual(verdicts, ['cp-operator of CP, new', 'cp-operator of CP, resumed']);
});

test('roots that are none or the same are refused at the start', async t => {
	const deps = { clock, roster: () => createRoster([], []) };
	const leaf = await operatorOf(hso, 'hso-operator');
	for (const roots of [['garbage'], [leaf.certificatePem], [hso.certificatePem, hso.certificatePem]]) {
		const bad = roots.map((rootPem, i) => ({ name: `P${i}`, rootPem }));
		t.throws(() => createCertificateCheck({ ...deps, parties: bad }), { code: 'PartyRootInvalid' });
	}
});
