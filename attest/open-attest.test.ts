// The service as `bimetal attest` runs it.
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../common/clock.ts';
import { hashPassword } from '../common/identity/passwords.ts';
import { createAuthority } from '../common/identity/site-ca.ts';
import { silentLogger } from '../common/log/logger.ts';
import { startHil } from '../hil/hil.fixture.ts';
import { openAttest } from './open-attest.ts';
import { readAttestSite } from './site.ts';

async function siteFile(t: ExecutionContext, text: string): Promise<string> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-attest-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const { certificatePem } = await createAuthority({ name: 'a manufacturer', clock: systemClock });
	await writeFile(path.join(folder, 'roots.pem'), `${certificatePem}\n${certificatePem}`);
	const account = `{ name: alice, password: "${await hashPassword('alice')}", projects: [red] }`;
	await writeFile(path.join(folder, 'accounts.yaml'), `accounts: [${account}]\n`);
	const file = path.join(folder, 'attest.yaml');
	await writeFile(file, `store: { file: state/attest.db }\nlisten: { port: 0 }\n${text}`);
	return file;
}

const basic = (name: string): string => `Basic ${Buffer.from(`${name}:${name}`).toString('base64')}`;
const get = async (url: string, who: string) => {
	const answer = await fetch(url, { headers: { authorization: basic(who) } });
	return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
};

test('users are those of hil, or of a file; health tells of its parts; a second start finds the same', async t => {
	const hil = await startHil(t);
	for (const users of [`{ hil: { url: "${hil.url}" } }`, '{ accounts: accounts.yaml }']) {
		const file = await siteFile(t, `users: ${users}\nregistrar: { roots: [roots.pem] }\n`);
		const start = () => openAttest(readAttestSite(file), { logger: silentLogger });
		const first = await start();
		t.teardown(() => first.close());
		const who = users.includes('hil') ? 'root' : 'alice';
		const isAdmin = who === 'root';
		t.like(await get(`${first.url}/registrar/v1/me`, who), { status: 200, body: { name: who, isAdmin } });
		t.is((await get(`${first.url}/registrar/v1/me`, 'mallory')).status, 401);
		for (const part of ['/healthz', '/readyz', '/metrics'])
			t.is((await fetch(`${first.ops}${part}`)).status, 200);
		await first.close();
		const second = await start();
		t.teardown(() => second.close());
		t.is((await get(`${second.url}/registrar/v1/me`, who)).status, 200);
	}
});

test('without hil nobody is let in, and that is said', async t => {
	const file = await siteFile(
		t,
		'users: { hil: { url: "http://127.0.0.1:1" } }\nregistrar: { roots: [roots.pem] }\n',
	);
	const running = await openAttest(readAttestSite(file), { logger: silentLogger });
	t.teardown(() => running.close());
	t.like(await get(`${running.url}/registrar/v1/me`, 'alice'), { status: 503, body: { code: 'HilAway' } });
});

test('passwords never cross a network in the clear; what is missing or misspelt is told', async t => {
	const open = await siteFile(t, 'users: { hil: { url: "http://hil.example:5000" } }\nregistar: 1\n');
	const error = t.throws(() => readAttestSite(open));
	t.regex(error?.message ?? '', /registar/);
	const bare = await siteFile(
		t,
		'users: { accounts: accounts.yaml }\nregistrar: { roots: [accounts.yaml] }\n',
	);
	await t.throwsAsync(openAttest(readAttestSite(bare), { logger: silentLogger }), {
		message: /accounts.yaml has no certificate in PEM/,
	});
	const shared = await siteFile(t, 'users: { accounts: accounts.yaml }\nregistrar: { roots: [roots.pem] }\n');
	const text = (await readFile(shared, 'utf8')).replace(
		'{ file: state/attest.db }',
		'{ postgres: { host: localhost, database: d, user: u, schema: attest } }',
	);
	await writeFile(shared, text);
	t.regex(t.throws(() => readAttestSite(shared))?.message ?? '', /in which file the key is/);
	const idle = await siteFile(t, 'users: { accounts: accounts.yaml }\n');
	t.regex(t.throws(() => readAttestSite(idle))?.message ?? '', /nothing to do/);
});

test('a verifier of a tenant’s own asks the provider’s registrar over HTTP, and hil for nothing', async t => {
	const registrarFile = await siteFile(
		t,
		'users: { accounts: accounts.yaml }\nregistrar: { roots: [roots.pem] }\n',
	);
	const registrar = await openAttest(readAttestSite(registrarFile), { logger: silentLogger });
	t.teardown(() => registrar.close());
	const file = await siteFile(
		t,
		`users: { accounts: accounts.yaml }
verifier:
  registrar: { url: "${registrar.url}", username: alice, password: alice.password }
`,
	);
	await writeFile(path.join(path.dirname(file), 'alice.password'), 'alice\n', { mode: 0o600 });
	const start = () => openAttest(readAttestSite(file), { logger: silentLogger });
	const tenant = await start();
	t.teardown(() => tenant.close());
	const call = async (method: string, target: string, body?: object) => {
		const answer = await fetch(`${tenant.url}/verifier/v1${target}`, {
			method,
			headers: { authorization: basic('alice'), 'content-type': 'application/json' },
			...(body && { body: JSON.stringify(body) }),
		});
		return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
	};
	t.like(await get(`${tenant.url}/registrar/v1/me`, 'alice'), { status: 404 }, 'it is no registrar');
	const { key } = (await call('GET', '/key')).body;
	t.is((await call('POST', '/admissions', { node: 'n1', project: 'red', learn: true })).status, 201);
	const nodeKey = generateKeyPairSync('rsa', { modulusLength: 2048 })
		.publicKey.export({ type: 'spki', format: 'der' })
		.toString('base64');
	const question = { node: 'n1', registration: 'unheard of', nodeKey };
	t.like(await call('POST', '/agent/questions', question), { status: 409, body: { code: 'KeysDiffer' } });
	await registrar.close();
	t.like(await call('POST', '/agent/questions', question), { status: 503, body: { code: 'RegistrarAway' } });
	await tenant.close();
	const again = await start();
	t.teardown(() => again.close());
	t.deepEqual((await get(`${again.url}/verifier/v1/key`, 'alice')).body, { key }, 'its key is kept');
});

test('a verifier needs a registrar, and hil where users are hil’s', async t => {
	const lonely = await siteFile(t, 'users: { accounts: accounts.yaml }\nverifier: {}\n');
	t.regex(t.throws(() => readAttestSite(lonely))?.message ?? '', /has no registrar/);
	const ofHil = await siteFile(
		t,
		'users: { hil: { url: "http://127.0.0.1:1" } }\nregistrar: { roots: [roots.pem] }\nverifier: {}\n',
	);
	t.regex(t.throws(() => readAttestSite(ofHil))?.message ?? '', /whose a node is/);
});
