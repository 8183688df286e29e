// The service as `bimetal provisioner` runs it, with a real hil that knows its users.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { silentLogger } from '../common/log/logger.ts';
import { startHil } from '../hil/hil.fixture.ts';
import { testNeeding } from '../test/debian/test-needing.ts';
import { openProvisioner } from './open-provisioner.ts';
import { readProvisionerSite } from './site.ts';

const test = testNeeding('qemu-utils', 'qemu-system-common');

async function siteFile(
	t: ExecutionContext,
	hil: string,
	more = '',
	storage = '{ folder: volumes }',
): Promise<string> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-provisioner-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const file = path.join(folder, 'provisioner.yaml');
	const text = `
store: { file: state/provisioner.db }
listen: { port: 0 }
hil: { url: "${hil}", username: root, password: hil.password }
storage: ${storage}
${more}`;
	await writeFile(file, text);
	await writeFile(path.join(folder, 'hil.password'), 'root\n', { mode: 0o600 });
	return file;
}

const basic = (name: string): string => `Basic ${Buffer.from(`${name}:${name}`).toString('base64')}`;

test('users and projects are those of hil; health tells of its parts; a second start finds the same', async t => {
	const hil = await startHil(t);
	await hil.ok('PUT', '/v0/project/red');
	await hil.ok('PUT', '/v0/auth/basic/user/alice', { password: 'alice' });
	await hil.ok('POST', '/v0/auth/basic/user/alice/add_project', { project: 'red' });
	const file = await siteFile(t, hil.url);
	const start = () => openProvisioner(readProvisionerSite(file), { logger: silentLogger });
	const first = await start();
	t.teardown(() => first.close());
	const get = async (url: string, who: string) => {
		const answer = await fetch(url, { headers: { authorization: basic(who) } });
		return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
	};
	t.like(await get(`${first.url}/v1/me`, 'alice'), {
		status: 200,
		body: { name: 'alice', isAdmin: false, projects: ['red'] },
	});
	t.like(await get(`${first.url}/v1/me`, 'root'), { body: { isAdmin: true } });
	t.is((await get(`${first.url}/v1/me`, 'mallory')).status, 401);
	t.like(await get(`${first.url}/v1/usage`, 'alice'), { body: { images: [], disks: [] } });
	for (const part of ['/healthz', '/readyz', '/metrics'])
		t.is((await fetch(`${first.ops}${part}`)).status, 200);
	t.deepEqual(await (await fetch(`${first.ops}/readyz`)).json(), {
		ready: true,
		checks: { store: { ok: true }, storage: { ok: true }, nodes: { ok: true } },
	});
	await first.close();
	const second = await start();
	t.teardown(() => second.close());
	t.is((await get(`${second.url}/v1/me`, 'alice')).status, 200);
});

test('without hil nobody is let in, and that is said', async t => {
	const running = await openProvisioner(readProvisionerSite(await siteFile(t, 'http://127.0.0.1:1')), {
		logger: silentLogger,
	});
	t.teardown(() => running.close());
	const answer = await fetch(`${running.url}/v1/me`, { headers: { authorization: basic('alice') } });
	t.is(answer.status, 503);
	t.like(await answer.json(), { code: 'HilAway' });
});

test('passwords never cross a network in the clear; misspelt keys are told', async t => {
	const open = await siteFile(t, 'http://hil.example:5000', 'storrage: 1');
	const error = t.throws(() => readProvisionerSite(open));
	t.regex(error?.message ?? '', /would cross the network/);
	t.regex(error?.message ?? '', /storrage/);
	const both = await siteFile(
		t,
		'http://127.0.0.1:1',
		'log: { level: warn }',
		'{ folder: a, rbd: { pool: b, user: c } }',
	);
	t.regex(t.throws(() => readProvisionerSite(both))?.message ?? '', /either folder, .* or rbd/);
});
