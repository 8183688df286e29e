// The service as `bimetal attest` runs it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
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
	const idle = await siteFile(t, 'users: { accounts: accounts.yaml }\n');
	t.regex(t.throws(() => readAttestSite(idle))?.message ?? '', /nothing to do/);
});
