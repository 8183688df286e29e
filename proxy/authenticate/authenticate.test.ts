import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { FakeClock } from '../../common/clock.ts';
import { hashPassword } from '../../common/identity/passwords.ts';
import { openStore } from '../../common/store/open-store.ts';
import { type Authenticator, type Credentials, createAuthenticator } from './authenticate.ts';
import { createBasicCheck } from './basic.ts';
import type { CertificateVerdict } from './certificate.ts';
import { openLockouts } from './lockouts.ts';
import { createPasswordCheck } from './password-check.ts';
import { createRoster } from './roster.ts';
import { openSessions } from './sessions.ts';

const password = await hashPassword('right');
const roster = createRoster([{ name: 'hso-operator', party: 'HSO', password }], ['HSO']);
const operator = { name: 'hso-operator', party: 'HSO' };
const here = { socket: {}, remoteAddress: '127.0.0.1' };
const basic = `Basic ${btoa('hso-operator:right')}`;

function withAuthenticator(
	title: string,
	body: (
		t: ExecutionContext,
		ask: (credentials: Partial<Credentials>) => ReturnType<Authenticator['authenticate']>,
		authenticator: Authenticator,
	) => Promise<void>,
	certificate: () => CertificateVerdict = () => ({ kind: 'none' }),
): void {
	test(title, async t => {
		const folder = await mkdtemp(join(tmpdir(), 'bimetal-authenticate-'));
		const store = await openStore({ engine: 'lowdb', file: join(folder, 'store.json') });
		const deps = { clock: new FakeClock(), roster: () => roster };
		const sessions = await openSessions({ ...deps, store });
		const lockouts = await openLockouts(deps);
		const checkPassword = createPasswordCheck({ ...deps, lockouts });
		const authenticator = createAuthenticator({
			sessions,
			checkPassword,
			checkBasic: createBasicCheck({ ...deps, checkPassword }),
			checkCertificate: certificate,
		});
		const nothing = {
			authorization: undefined,
			authToken: undefined,
			socket: {},
			remoteAddress: '127.0.0.1',
		};
		try {
			await body(t, credentials => authenticator.authenticate({ ...nothing, ...credentials }), authenticator);
		} finally {
			await sessions.close();
			await store.close();
			await rm(folder, { recursive: true });
		}
	});
}

withAuthenticator('who gives nothing is anonymous', async (t, ask) => {
	t.deepEqual(ask({}), { kind: 'anonymous' });
});

withAuthenticator("a session's token is answered at once", async (t, ask, { logIn }) => {
	const session = await logIn('hso-operator', 'right', here);
	if (session.kind !== 'session') return t.fail(session.reason);
	t.deepEqual(session.operator, operator);
	t.deepEqual(ask({ authToken: session.token }), {
		kind: 'operator',
		operator,
		how: 'session',
		sessionId: session.id,
	});
	t.like(ask({ authToken: session.token.slice(1) }), {
		kind: 'refused',
		code: 'SessionUnknown',
		status: 401,
	});
	t.like(ask({ authToken: '' }), { kind: 'refused', status: 401 });
});

withAuthenticator('Basic is answered at once from the second time on', async (t, ask) => {
	const first = ask({ authorization: basic });
	t.true(first instanceof Promise);
	t.deepEqual(await first, { kind: 'operator', operator, how: 'basic' });
	t.deepEqual(ask({ authorization: basic }), { kind: 'operator', operator, how: 'basic' });
});

withAuthenticator(
	'wrong passwords and unknown operators are told alike, until they are throttled',
	async (t, ask, { logIn }) => {
		const wrong = await ask({ authorization: `Basic ${btoa('hso-operator:wrong')}` });
		t.like(wrong, { kind: 'refused', code: 'CredentialsWrong', status: 401 });
		t.deepEqual(await ask({ authorization: `Basic ${btoa('nobody:wrong')}` }), wrong);
		t.deepEqual(await logIn('nobody', 'wrong', here), wrong);
		for (let i = 0; i < 5; i++) await logIn('hso-operator', 'wrong', here);
		t.like(await logIn('hso-operator', 'right', here), {
			code: 'Throttled',
			status: 429,
			retryAfterSeconds: 1,
		});
	},
);

withAuthenticator(
	'two kinds of credential are refused, even if both are right',
	async (t, ask, { logIn }) => {
		const session = await logIn('hso-operator', 'right', here);
		if (session.kind !== 'session') return t.fail(session.reason);
		const refused = await ask({ authorization: basic, authToken: session.token });
		t.like(refused, { kind: 'refused', code: 'CredentialsAmbiguous', status: 400 });
	},
);

withAuthenticator('other schemes are no credential that holds', async (t, ask, { logIn }) => {
	const session = await logIn('hso-operator', 'right', here);
	if (session.kind !== 'session') return t.fail(session.reason);
	for (const scheme of ['Token', 'Bearer']) {
		t.like(await ask({ authorization: `${scheme} ${session.token}` }), { kind: 'refused', status: 401 });
	}
});

const entry = roster.find('hso-operator');
if (entry === undefined) throw new Error('no operator');

withAuthenticator(
	'a client certificate is enough by itself, and not together with anything',
	async (t, ask) => {
		t.deepEqual(ask({}), { kind: 'operator', operator, how: 'certificate' });
		t.like(ask({ authToken: 'x' }), { code: 'CredentialsAmbiguous', status: 400 });
		t.like(await ask({ authorization: basic }), { code: 'CredentialsAmbiguous', status: 400 });
	},
	() => ({ kind: 'right', entry, fingerprint: 'aa' }),
);

withAuthenticator(
	'a certificate that does not hold is not as good as none',
	async (t, ask) => {
		t.like(ask({}), { kind: 'refused', code: 'CertificateWrong', status: 401 });
		t.like(await ask({ authorization: basic }), { kind: 'refused', status: 400 });
	},
	() => ({ kind: 'wrong', reason: 'expired' }),
);

withAuthenticator('a token is good only where it was made', async (t, ask, { logIn }) => {
	const session = await logIn('hso-operator', 'right', here);
	if (session.kind !== 'session') return t.fail(session.reason);
	t.like(ask({ authToken: session.token, remoteAddress: '127.0.0.2' }), {
		code: 'SessionUnknown',
		status: 401,
	});
	t.like(ask({ authToken: session.token, remoteAddress: '::ffff:127.0.0.1' }), { kind: 'operator' });
});

const shown: { certificate: CertificateVerdict } = {
	certificate: { kind: 'right', entry, fingerprint: 'aa' },
};
withAuthenticator(
	'a session that was opened with a certificate is used with that certificate only',
	async (t, ask, { logIn }) => {
		const session = await logIn('hso-operator', 'right', here);
		if (session.kind !== 'session') return t.fail(session.reason);
		t.like(ask({ authToken: session.token }), { kind: 'operator', how: 'session' });
		shown.certificate = { kind: 'right', entry, fingerprint: 'bb' };
		t.like(ask({ authToken: session.token }), { kind: 'refused', status: 400 });
		shown.certificate = { kind: 'none' };
		t.like(ask({ authToken: session.token }), { kind: 'refused', status: 401 });
		shown.certificate = { kind: 'wrong', reason: 'expired' };
		t.like(ask({ authToken: session.token }), { kind: 'refused', status: 400 });
		t.like(await logIn('hso-operator', 'right', here), { code: 'CertificateWrong', status: 401 });
		shown.certificate = { kind: 'right', entry, fingerprint: 'aa' };
		t.like(await logIn('somebody-else', 'right', here), { code: 'CredentialsAmbiguous', status: 400 });
	},
	() => shown.certificate,
);
