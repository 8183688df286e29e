// Users by client certificates: over real TLS, by the site's own files.
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { FakeClock, systemClock } from '../../common/clock.ts';
import {
	createAuthority,
	type Identity,
	issueOperatorCertificate,
	issueServerCertificate,
} from '../../common/identity/site-ca.ts';
import { type Logger, silentLogger } from '../../common/log/logger.ts';
import { createMemoryStore } from '../../common/store/memory-store.fixture.ts';
import { createHilClient } from '../client.ts';
import { createUser } from '../core/users.ts';
import { openHil } from '../open-hil.ts';
import { readHilSite } from '../site.ts';
import { createCertificateAuthenticator } from './certificates.ts';
import { makeCrl } from './crl.fixture.ts';

const clock = systemClock;
const day = 86_400_000;
const [site, issuer, stranger] = (await Promise.all(
	['Site', 'Clients', 'Clients'].map(name => createAuthority({ name, clock })),
)) as [Identity, Identity, Identity];
const server = await issueServerCertificate({
	authority: site,
	names: ['hil'],
	addresses: ['127.0.0.1'],
	clock,
});
const issue = (name: string, partyAuthority = issuer, at: { clock?: FakeClock; days?: number } = {}) =>
	issueOperatorCertificate({ partyAuthority, operator: { name, party: 'x' }, clock, ...at });
const alice = await issue('alice');
const bob = await issue('bob');

/** A site that asks for certificates; `logged` resolves with the next line that says so. */
async function startSite(t: ExecutionContext, crl: string, more = 'certificates: {}') {
	const folder = await mkdtemp(join(tmpdir(), 'hil-certificates-'));
	const put = async (name: string, text: string) => {
		const file = join(folder, name);
		await writeFile(`${file}.new`, text);
		await chmod(`${file}.new`, 0o600);
		await rename(`${file}.new`, file);
	};
	await put('tls.pem', server.certificatePem);
	await put('tls.key', server.keyPem);
	await put('clients.pem', issuer.certificatePem);
	await put('clients.crl', crl);
	await put('root.password', 'correct horse');
	await put(
		'hil.yaml',
		`store: { file: state/hil.db }
listen: { port: 0 }
tls: { certificate: tls.pem, key: tls.key, clientCa: clients.pem, clientCrl: clients.crl }
vlans: 100-102
admin: { username: root, password: root.password }
authenticate: { ${more} }
`,
	);
	const heard: { text: string; tell: () => void }[] = [];
	const listenFor = (_fields: unknown, message?: string) => {
		for (const each of heard) if (message?.includes(each.text)) each.tell();
	};
	const logger = { ...silentLogger, info: listenFor, error: listenFor } as unknown as Logger;
	const hil = await openHil(readHilSite(join(folder, 'hil.yaml')), { logger });
	t.teardown(async () => {
		await hil.close();
		await rm(folder, { recursive: true });
	});
	const root = createHilClient({
		url: hil.url,
		ca: site.certificatePem,
		username: 'root',
		password: 'correct horse',
	});
	t.teardown(() => root.close());
	await root.administration.createUser('alice', 'not used', false);
	return {
		hil,
		put,
		root,
		logged: (text: string) => new Promise<void>(tell => heard.push({ text, tell })),
		/** A client with a certificate, on connections of its own. */
		as(identity: Identity) {
			const client = createHilClient({
				url: hil.url,
				ca: site.certificatePem,
				certificate: identity.certificatePem,
				key: identity.keyPem,
			});
			t.teardown(() => client.close());
			return client;
		},
	};
}

test('a certificate of the site’s issuer is its user, and nobody else’s is', async t => {
	const { as, root, hil } = await startSite(t, makeCrl(issuer, []));
	const client = as(alice);
	t.deepEqual(await client.me(), { name: 'alice', is_admin: false, projects: [] });
	const wrong = async (identity: Identity, message: RegExp) => {
		await t.throwsAsync(as(identity).me(), { code: 'AuthorizationError', message });
	};
	await wrong(await issue('alice', stranger), /nobody whom this site lets issue them/);
	await wrong(await issue('nobody'), /no user here is known by its name, 'nobody'/);
	const past = new FakeClock(Date.now() - 10 * day);
	await wrong(await issue('alice', issuer, { clock: past, days: 2 }), /it has expired/);
	await wrong(
		await issueServerCertificate({ authority: issuer, names: ['alice'], clock }),
		/not for clients/,
	);
	t.true((await root.me()).is_admin, 'who shows none logs in by another way');
	const both = await ask(hil.url, alice, { auth: 'root:correct horse' });
	t.is(both.status, 400);
	t.regex(both.text, /More than one kind of credential/);
	const none = await ask(hil.url, undefined);
	t.regex(none.text, /Log in with a user name and a password, or with a client certificate/);
	await root.administration.deleteUser('alice');
	await t.throwsAsync(client.me(), { code: 'AuthorizationError', message: /no user here/ }, 'at once');
});

test('a revoked certificate is out, also where its connection or TLS session is older than the list', async t => {
	const { as, put, logged, hil, root } = await startSite(t, makeCrl(issuer, [bob.certificatePem]));
	await root.administration.createUser('bob', 'not used', false);
	await t.throwsAsync(as(bob).me(), { message: /it was revoked/ });
	const agent = new Agent({ keepAlive: true, maxSockets: 1 });
	t.teardown(() => agent.destroy());
	let session: Buffer | undefined;
	let ended: Promise<unknown> | undefined;
	const onSocket = (socket: TLSSocket): void => {
		ended = once(socket, 'close');
		socket.on('session', ticket => {
			session = ticket;
		});
	};
	t.is((await ask(hil.url, alice, { agent, onSocket })).status, 200);
	t.true((await ask(hil.url, alice, { agent })).reused, 'the connection is kept');
	const resumed = await ask(hil.url, alice, { session });
	t.deepEqual([resumed.status, resumed.resumed], [200, true]);

	const taken = logged('new list of revoked ones');
	await put('clients.crl', makeCrl(issuer, [alice.certificatePem]));
	await taken;
	await ended;
	const kept = await ask(hil.url, alice, { agent });
	t.is(kept.status, 401);
	t.regex(kept.text, /it was revoked/);
	const again = await ask(hil.url, alice, { session });
	t.deepEqual([again.status, again.resumed], [401, false]);
	t.is((await as(bob).me()).name, 'bob', 'the list alone says so');

	const refused = logged('the last good one goes on');
	await put('clients.crl', 'no list');
	await refused;
	await t.throwsAsync(as(alice).me(), { message: /it was revoked/ });
});

test('a list that is out of date, or of another issuer, lets nobody in by a certificate', async t => {
	const old = await startSite(
		t,
		makeCrl(issuer, [], { from: Date.now() - 2 * day, until: Date.now() - day }),
	);
	await t.throwsAsync(old.as(alice).me(), { message: /list of revoked certificates is out of date/ });
	t.true((await old.root.me()).is_admin);
	const other = await startSite(t, makeCrl(site, []));
	await t.throwsAsync(other.as(alice).me(), { message: /no list of what its issuer has revoked/ });
});

test('users by a URI of the certificate, as the site maps them', async t => {
	const users = 'certificates: { name: uri, users: { "bimetal:operator:agent-7": alice } }';
	const { as } = await startSite(t, makeCrl(issuer, []), users);
	t.is((await as(await issue('agent-7')).me()).name, 'alice');
	await t.throwsAsync(as(alice).me(), { message: /known by its name, 'bimetal:operator:alice'/ });
});

test('a certificate ends with its time, also while its connection lasts', async t => {
	const hands = new FakeClock(Date.now());
	const store = createMemoryStore();
	await store.transact(tx => createUser(tx, { user: 'alice', hash: 'none' }));
	const leaf = new X509Certificate((await issue('alice', issuer, { days: 2 })).certificatePem);
	const current = { is: true };
	const { authenticate, isFor } = createCertificateAuthenticator({
		store,
		clock: hands,
		name: 'cn',
		users: undefined,
		isCurrent: () => current.is,
	});
	const socket = { authorized: true, getPeerX509Certificate: () => leaf };
	t.true(isFor({ socket }));
	t.is((await authenticate({ socket })).name, 'alice');
	current.is = false;
	await t.throwsAsync(authenticate({ socket }), { message: /connect again/ });
	current.is = true;
	hands.advance(3 * day);
	await t.throwsAsync(authenticate({ socket }), { message: /does not hold now/ });
	t.false(isFor({ socket: {} }), 'a plain connection shows none');
	t.true(isFor({ socket: { ...socket, authorized: false } }), 'a wrong one is one as well');
});

interface Seen {
	readonly status: number;
	readonly text: string;
	readonly reused: boolean;
	readonly resumed: boolean;
}

/** GET /v1/me, by a connection that can be kept, or a TLS session that can be resumed. */
function ask(
	url: string,
	identity: Identity | undefined,
	options: {
		agent?: Agent;
		session?: Buffer | undefined;
		auth?: string;
		onSocket?: (socket: TLSSocket) => void;
	} = {},
): Promise<Seen> {
	const { agent = false, session, auth, onSocket } = options;
	return new Promise((resolve, reject) => {
		const sent = request(`${url}/v1/me`, {
			ca: site.certificatePem,
			agent,
			...(identity && { cert: identity.certificatePem, key: identity.keyPem }),
			...(session && { session }),
			...(auth !== undefined && { auth }),
		});
		let resumed = false;
		sent.once('socket', socket => {
			onSocket?.(socket as TLSSocket);
			socket.once('secureConnect', () => {
				resumed = (socket as TLSSocket).isSessionReused();
			});
		});
		sent.once('error', reject);
		sent.once('response', async response => {
			const text = (await response.toArray()).join('');
			resolve({ status: response.statusCode ?? 0, text, reused: sent.reusedSocket, resumed });
		});
		sent.end();
	});
}
